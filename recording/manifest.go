package recording

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"parley/internal/chain"
	"parley/storage/keys"
)

// FormatVersion is the version of journal and manifest that this package writes.
const FormatVersion = 1

// Bounds of a manifest.
const (
	maxEntry    = 1 << 20  // bytes of one line
	maxManifest = 64 << 20 // bytes of all
)

// EntryKind says what a manifest entry holds. The zero value is no entry.
type EntryKind string

// Kinds of entries.
const (
	EntryStart    EntryKind = "start"    // first: [StartBody]
	EntrySegments EntryKind = "segments" // [SegmentsBody]
	EntryGap      EntryKind = "gap"      // [GapBody]
	EntryEvent    EntryKind = "event"    // [EventBody]
	EntryEnd      EntryKind = "end"      // last: [EndBody]
)

// Entry is one line of the manifest: JSON and a newline. Its hash is chain.Next(Prev, SHA-256(line without newline)).
type Entry struct {
	Seq  uint64          `json:"seq"` // from 0, dense
	Prev chain.Hash      `json:"prev"`
	Time time.Time       `json:"time"`
	Kind EntryKind       `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// The bodies of entries. What tells of a person is in Sealed: AES-256-GCM under the recording key, nonce first.
type (
	// StartBody names the journals. Sealed is a [startDetails].
	StartBody struct {
		Format       int              `json:"format"`
		Recording    ID               `json:"recording"`
		Build        string           `json:"build"`
		Participants []ManifestPerson `json:"participants"`
		Sealed       []byte           `json:"sealed"`
	}
	// ManifestPerson is a participant as the manifest knows them.
	ManifestPerson struct {
		ID        ParticipantID `json:"id"`
		Pseudonym Pseudonym     `json:"pseudonym"`
		Journal   string        `json:"journal"`
		Epoch     uint32        `json:"epoch"`
	}
	// SegmentsBody commits to segments that are durable. Sealed maps participants to their [Summary] at the end of
	// the last one.
	SegmentsBody struct {
		Journals []JournalSegments `json:"journals"`
		Sealed   []byte            `json:"sealed"`
	}
	// JournalSegments are the new segments of one journal, without a hole to those before.
	JournalSegments struct {
		Participant ParticipantID `json:"participant"`
		Segments    []Segment     `json:"segments"`
	}
	// GapBody says that something is missing (E7).
	GapBody struct {
		Participant ParticipantID `json:"participant"`
		FromMS      int64         `json:"from_ms"`
		ToMS        int64         `json:"to_ms"`
		Reason      string        `json:"reason"`
		Packets     uint64        `json:"packets,omitempty"`
	}
	// EventBody is an [Event], sealed.
	EventBody struct {
		Sealed []byte `json:"sealed"`
	}
	// EndBody closes the manifest. Sealed is an [endDetails].
	EndBody struct {
		Reason     EndReason    `json:"reason"`
		Lost       *LostHead    `json:"lost,omitempty"`
		DurationMS int64        `json:"duration_ms"`
		Journals   []JournalEnd `json:"journals"`
		Sealed     []byte       `json:"sealed"`
	}
	// LostHead is a head that was signed for more than there is: the node that held the rest is gone.
	LostHead struct {
		Head    string `json:"head"`
		Entries uint64 `json:"entries"`
	}
	// JournalEnd is the whole of one journal.
	JournalEnd struct {
		Participant ParticipantID `json:"participant"`
		Size        int64         `json:"size"`
		Segments    uint64        `json:"segments"`
		Chain       chain.Hash    `json:"chain"` // of the last segment
		// Final says that the journal ends in a final block; a recovered or failed one may not.
		Final bool `json:"final"`
	}
)

// EndReason says how a recording ended. The zero value is not ended.
type EndReason string

// Reasons of an end.
const (
	Stopped   EndReason = "stopped"
	Recovered EndReason = "recovered" // closed after a crash, by what was on disk
	Adopted   EndReason = "adopted"   // closed by another node, by what the lost one had brought to the bucket
)

// parsed is an entry with where it stands and what it hashes to.
type parsed struct {
	Entry
	offset, length int64 // of the line with its newline
	hash           chain.Hash
}

// entryHash links a line to the entry before.
func entryHash(prev chain.Hash, line []byte) chain.Hash {
	return chain.Next(prev, sha256.Sum256(line))
}

// Errors of reading a manifest.
var errManifest = errors.New("recording: malformed manifest")

// parseEntry decodes one line. A line must be as this package would encode it, so that nothing can be changed in it
// without a trace even before hashes are looked at.
func parseEntry(line []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("%w: %w", errManifest, err)
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Equal(again, line) {
		return e, fmt.Errorf("%w: entry is not in canonical form", errManifest)
	}
	return e, nil
}

// readManifest calls f for each line with its offset; the last call has whole == false when the manifest does not
// end in a newline. It stops at the first error of f.
func readManifest(r io.Reader, f func(line []byte, offset int64, whole bool) error) error {
	br := bufio.NewReaderSize(io.LimitReader(r, maxManifest+1), 64<<10)
	var offset int64
	for {
		line, err := readLine(br)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if ferr := f(line, offset, err == nil); ferr != nil {
			return ferr
		}
		if offset += int64(len(line)) + 1; offset > maxManifest {
			return fmt.Errorf("%w: longer than %d bytes", errManifest, maxManifest)
		}
		if err != nil {
			return nil
		}
	}
}

// readLine reads up to a newline, which it leaves out, or to io.EOF.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxEntry:
			return nil, fmt.Errorf("%w: entry longer than %d bytes", errManifest, maxEntry)
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// fieldSealer seals the fields of one manifest.
type fieldSealer struct {
	aead cipher.AEAD
	id   ID
}

func newFieldSealer(k keys.Key, id ID) (*fieldSealer, error) {
	aead, err := newAEAD(k, nil, "parley manifest v1")
	if err != nil {
		return nil, err
	}
	return &fieldSealer{aead: aead, id: id}, nil
}

// ad binds a field to its place, so that it can't be moved to another.
func (s *fieldSealer) ad(kind string, seq uint64) []byte {
	return []byte("parley manifest v1\n" + string(s.id) + "\n" + kind + "\n" + strconv.FormatUint(seq, 10))
}

func (s *fieldSealer) seal(kind string, seq uint64, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode field: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+tagSize)
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, s.ad(kind, seq)), nil
}

func (s *fieldSealer) open(kind string, seq uint64, sealed []byte, v any) error {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return ErrSealed
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], s.ad(kind, seq))
	if err != nil {
		return ErrSealed
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("decode field: %w", err)
	}
	return nil
}
