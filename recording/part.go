package recording

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"parley/internal/chain"
	"parley/storage/keys"
	"parley/storage/object"
)

// Layout of a part, the object that brings what became durable since the one before:
//
//	"PARLEYU1" ‖ length(4) ‖ sealed header (length bytes) ‖ the bytes of its ranges, one after the other
//
// The header holds the hash of each range, so a part is checked by itself; it is sealed under the recording key, so the
// object says nothing but its size.
const (
	partMagic     = "PARLEYU1"
	maxPartHeader = 64 << 10
	maxFileSize   = 1 << 40
)

// errPart says that bytes are no part of this recording, epoch and number.
var errPart = errors.New("recording: malformed part")

// partHeader says what a part holds. Number counts from 0 within an epoch.
type partHeader struct {
	Epoch  uint64      `json:"epoch"`
	Number uint64      `json:"number"`
	Base   []partBase  `json:"base,omitempty"` // in number 0 of an epoch after the first
	Ranges []partRange `json:"ranges"`
}

// partBase says that the first so many parts of an epoch come before those of this one.
type partBase struct {
	Epoch uint64 `json:"epoch"`
	Parts uint64 `json:"parts"`
}

// partRange is a run of bytes of one file. It begins where the ranges of that file before it end.
type partRange struct {
	File   string     `json:"file"`
	Offset int64      `json:"offset"`
	Length int64      `json:"length"`
	Hash   chain.Hash `json:"hash"`
}

// check says whether the header can be followed: known files, no size beyond reason.
func (h *partHeader) check() error {
	for _, r := range h.Ranges {
		if !knownFile(r.File) || r.Offset < 0 || r.Length < 0 || r.Offset > maxFileSize || r.Length > maxFileSize {
			return fmt.Errorf("%w: range %q, %d bytes at %d", errPart, r.File, r.Length, r.Offset)
		}
	}
	for i, b := range h.Base {
		if b.Epoch == 0 || b.Epoch >= h.Epoch || i > 0 && b.Epoch <= h.Base[i-1].Epoch {
			return fmt.Errorf("%w: built on epoch %d", errPart, b.Epoch)
		}
	}
	return nil
}

// knownFile says whether parts may bring a file of that name.
func knownFile(name string) bool {
	if name == manifestFile || name == headFile {
		return true
	}
	for i := range MaxParticipants {
		if name == journalFile(participant(i)) {
			return true
		}
	}
	return false
}

// partSealer names the parts of one recording and seals their headers. Any goroutine may call it.
type partSealer struct {
	id            ID
	aead          cipher.AEAD
	names, nonces []byte // keys of HMACs
}

func newPartSealer(k keys.Key, id ID) (*partSealer, error) {
	aead, err := newAEAD(k, nil, "parley part v1")
	if err != nil {
		return nil, err
	}
	names, err := hkdf.Key(sha256.New, k[:], nil, "parley part name v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of names: %w", err)
	}
	nonces, err := hkdf.Key(sha256.New, k[:], nil, "parley part nonce v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of nonces: %w", err)
	}
	return &partSealer{id: id, aead: aead, names: names, nonces: nonces}, nil
}

// key is the name of a part in the bucket. Without the recording key it is random.
func (s *partSealer) key(epoch, number uint64) object.Key {
	m := hmac.New(sha256.New, s.names)
	m.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, epoch), number))
	return object.Key("part/" + hex.EncodeToString(m.Sum(nil)[:20]))
}

func (s *partSealer) ad(epoch, number uint64) []byte {
	return []byte("parley part v1\n" + string(s.id) + "\n" + strconv.FormatUint(epoch, 10) + "\n" + strconv.FormatUint(number, 10))
}

// head is the beginning of the part whose header has the given JSON. The same header gives the same bytes, so that a
// part can be put again: its nonce is a keyed hash of it.
func (s *partSealer) head(epoch, number uint64, header []byte) []byte {
	m := hmac.New(sha256.New, s.nonces)
	m.Write(header)
	nonce := m.Sum(nil)[:s.aead.NonceSize()]
	sealed := s.aead.Seal(nonce, nonce, header, s.ad(epoch, number))
	b := binary.BigEndian.AppendUint32([]byte(partMagic), uint32(len(sealed)))
	return append(b, sealed...)
}

// readHead reads a part's beginning and opens its header.
func (s *partSealer) readHead(r io.Reader, epoch, number uint64) (h partHeader, err error) {
	var start [len(partMagic) + 4]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return h, cutPart(err)
	}
	n := binary.BigEndian.Uint32(start[len(partMagic):])
	if string(start[:len(partMagic)]) != partMagic || n > maxPartHeader || int(n) < s.aead.NonceSize() {
		return h, fmt.Errorf("%w: its beginning", errPart)
	}
	sealed := make([]byte, n)
	if _, err := io.ReadFull(r, sealed); err != nil {
		return h, cutPart(err)
	}
	nonce := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, sealed[:nonce], sealed[nonce:], s.ad(epoch, number))
	if err != nil {
		return h, fmt.Errorf("%w: %w", errPart, ErrSealed)
	}
	return parsePartHeader(plain, epoch, number)
}

func parsePartHeader(plain []byte, epoch, number uint64) (h partHeader, err error) {
	if err := json.Unmarshal(plain, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errPart, err)
	}
	if h.Epoch != epoch || h.Number != number {
		return h, fmt.Errorf("%w: it says that it is %d of epoch %d", errPart, h.Number, h.Epoch)
	}
	return h, h.check()
}

// read reads one part to its end. Each range is given to take when its bytes have the right hash.
func (s *partSealer) read(in io.Reader, epoch, number uint64, take func(partRange, []byte) error) (h partHeader, err error) {
	if h, err = s.readHead(in, epoch, number); err != nil {
		return h, err
	}
	for _, r := range h.Ranges {
		b, err := readRange(in, r)
		if err != nil {
			return h, err
		}
		if err := take(r, b); err != nil {
			return h, err
		}
	}
	switch n, err := io.ReadFull(in, make([]byte, 1)); {
	case n > 0:
		return h, fmt.Errorf("%w: bytes after its last range", errPart)
	case !errors.Is(err, io.EOF):
		return h, cutPart(err)
	}
	return h, nil
}

// readRange reads what the range says, without believing its length before the bytes are there.
func readRange(in io.Reader, r partRange) ([]byte, error) {
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(in, r.Length)); err != nil || n < r.Length {
		return nil, cutPart(err)
	}
	if chain.Hash(sha256.Sum256(b.Bytes())) != r.Hash {
		return nil, fmt.Errorf("%w: hash of %s at %d", errPart, r.File, r.Offset)
	}
	return b.Bytes(), nil
}

// cutPart tells an early end from an error of the reader, after which reading again may help.
func cutPart(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", errPart)
	}
	if errors.Is(err, object.ErrDamaged) {
		return fmt.Errorf("%w: %w", errPart, err)
	}
	return fmt.Errorf("read part: %w", err)
}
