package wrap

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// ErrLedger says that a ledger has lines that could not be followed.
var ErrLedger = errors.New("keys: erasure ledger has lines that are cut, changed or of another vault")

// A line of the ledger: "erased <hash> <microseconds since 1970> <mac>\n", the hash and the mac in hexadecimal, the mac
// an HMAC-SHA256 of all before it. Each line stands alone, so that a ledger can be appended to by anybody and a cut end
// costs one line; that lines are missing can't be seen: keep the ledger where nothing can be deleted.
const (
	erased  = "erased "
	maxLine = 256
)

// Buried is a tombstone.
type Buried struct {
	Name NameHash
	At   time.Time // zero: unknown
}

// AppendLine appends the ledger's line of a tombstone.
func (n Names) AppendLine(line []byte, b Buried) []byte {
	start := len(line)
	line = hex.AppendEncode(append(line, erased...), b.Name[:])
	line = strconv.AppendInt(append(line, ' '), Micros(b.At), 10)
	mac := n.mac(line[start:])
	return append(hex.AppendEncode(append(line, ' '), mac), '\n')
}

func (n Names) mac(text []byte) []byte {
	m := hmac.New(sha256.New, n.ledger)
	m.Write(text)
	return m.Sum(nil)
}

// ParseLine reads one line, its newline cut off.
func (n Names) ParseLine(line []byte) (Buried, bool) {
	cut := bytes.LastIndexByte(line, ' ')
	if cut < 0 || !bytes.HasPrefix(line, []byte(erased)) {
		return Buried{}, false
	}
	mac, err := hex.DecodeString(string(line[cut+1:]))
	if err != nil || !hmac.Equal(mac, n.mac(line[:cut])) {
		return Buried{}, false
	}
	digits, at, _ := bytes.Cut(line[len(erased):cut], []byte{' '})
	name, err1 := hex.DecodeString(string(digits))
	us, err2 := strconv.ParseInt(string(at), 10, 64)
	if err1 != nil || err2 != nil || len(name) != len(NameHash{}) {
		return Buried{}, false
	}
	return Buried{NameHash(name), FromMicros(us)}, true
}

// Follow calls bury for each line of a ledger and says how many there were. Lines that don't hold are passed over and
// counted in an ErrLedger at the end; an error of bury or of the reader ends it at once. An unfinished last line holds
// if all of its text is there.
func (n Names) Follow(ledger io.Reader, bury func(Buried) error) (followed int, err error) {
	lines, bad := bufio.NewReaderSize(ledger, maxLine), 0
	for {
		line, readErr := readLine(lines)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return followed, fmt.Errorf("read erasure ledger: %w", readErr)
		}
		if len(line) > 0 {
			b, ok := n.ParseLine(line)
			if !ok {
				bad++
			} else if err := bury(b); err != nil {
				return followed, err
			} else {
				followed++
			}
		}
		if readErr != nil {
			break
		}
	}
	if bad > 0 {
		return followed, fmt.Errorf("%w: %d of them", ErrLedger, bad)
	}
	return followed, nil
}

// readLine returns a line without its newline; one that is longer than any line of a ledger is a line that does not
// hold.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
		line = []byte("too long")
	}
	return bytes.TrimSpace(line), err
}

// Micros and FromMicros are how moments are stored: microseconds since 1970; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the opposite of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
