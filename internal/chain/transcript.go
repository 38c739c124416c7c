package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// TranscriptFormat is the version of the format that TRANSCRIPT.md describes.
const TranscriptFormat = 1

// The files of a transcript's bundle.
const (
	EntriesFile = "transcript.jsonl"
	SealsFile   = "seals.jsonl"
	TreeFile    = "tree.json"
)

// ErrMalformed says that bytes are not in the one form that this package writes.
var ErrMalformed = errors.New("chain: not in its one form")

type (
	// Founding is the first line of a transcript: which conversation it is, and between whom. Its place is 0.
	Founding struct {
		Seq          uint64    `json:"seq"` // 0
		Prev         Hash      `json:"prev"`
		Format       int       `json:"format"`
		Conversation string    `json:"conversation"`
		Opened       time.Time `json:"opened"`
		Members      []Person  `json:"members"` // in the order of opening
	}

	// Person is a member by the platform's id; names are never in a transcript.
	Person struct {
		User string `json:"user"`
		Role string `json:"role"`
	}

	// Entry is a further line: one entry of the conversation's log as it is stored, sealed. Its place is its seq.
	Entry struct {
		Seq    uint64    `json:"seq"`
		Prev   Hash      `json:"prev"`
		Sender string    `json:"sender"` // empty for the system
		CID    string    `json:"cid"`
		Time   time.Time `json:"time"` // of the commit, to the microsecond
		Type   string    `json:"type"`
		Sealed []byte    `json:"sealed"` // ciphertext
	}
)

// Encode is the line of the founding without its newline, and the hash of the chain after it.
func (f Founding) Encode() ([]byte, Hash, error) {
	texts := []string{f.Conversation}
	for _, m := range f.Members {
		texts = append(texts, m.User, m.Role)
	}
	return encodeLink(f.Prev, f, texts...)
}

// Encode is the line of the entry without its newline, and the hash of the chain after it.
func (e Entry) Encode() ([]byte, Hash, error) { return encodeLink(e.Prev, e, e.Sender, e.CID, e.Type) }

// Digest names what the entry says, whatever stands before it: the SHA-256 of its line with a zero Prev.
func (e Entry) Digest() (Hash, error) {
	e.Prev = Hash{}
	line, _, err := e.Encode()
	return sha256.Sum256(line), err
}

// ParseFounding reads the first line of a transcript.
func ParseFounding(line []byte) (Founding, error) {
	f, err := parse[Founding](line)
	if err == nil && (f.Seq != 0 || f.Conversation == "") {
		err = ErrMalformed
	}
	return f, err
}

// ParseEntry reads a further line.
func ParseEntry(line []byte) (Entry, error) {
	e, err := parse[Entry](line)
	if err == nil && e.Seq == 0 {
		err = ErrMalformed
	}
	return e, err
}

// linkHash is the hash of a chain after a line that names the hash before it.
func linkHash(prev Hash, line []byte) Hash { return Next(prev, sha256.Sum256(line)) }

// encodeLink refuses a text that is not UTF-8: JSON would write another in its place.
func encodeLink(prev Hash, v any, texts ...string) ([]byte, Hash, error) {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return nil, Hash{}, fmt.Errorf("chain: encode line: %w", errText)
		}
	}
	line, err := json.Marshal(v)
	if err != nil {
		return nil, Hash{}, fmt.Errorf("chain: encode line: %w", err)
	}
	return line, linkHash(prev, line), nil
}

var errText = errors.New("a text is not UTF-8")

// parse reads a value and refuses any other form of the same content, so that nothing can be changed in it without a
// trace even before hashes are looked at.
func parse[T any](line []byte) (T, error) {
	var v T
	if !utf8.Valid(line) || json.Unmarshal(line, &v) != nil {
		return v, ErrMalformed
	}
	again, err := json.Marshal(v)
	if err != nil || !bytes.Equal(again, line) {
		return v, ErrMalformed
	}
	return v, nil
}
