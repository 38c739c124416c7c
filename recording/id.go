package recording

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"parley/internal/identity"
	"parley/storage/keys"
)

// ID names a recording (UUIDv7).
type ID string

// NewID makes the name of a new recording.
func NewID() ID { return ID(uuid.Must(uuid.NewV7()).String()) }

// valid says whether the id is a UUID in its usual form; only such ones become paths and key names.
func (id ID) valid() bool {
	u, err := uuid.Parse(string(id))
	return err == nil && u.String() == string(id)
}

// ParticipantID names a participant within one recording: "p1", "p2", … in the order of [Spec].
type ParticipantID string

func participant(i int) ParticipantID { return ParticipantID(fmt.Sprintf("p%d", i+1)) }

// journalFile is the name of a participant's journal in a recording's folder and bundle.
func journalFile(p ParticipantID) string { return string(p) + ".journal" }

// The other files of a recording's folder and bundle.
const (
	manifestFile = "manifest.jsonl"
	headFile     = "head.json"
	headReserve  = "head.tmp" // holds the room for headFile until the recording is sealed; never in a bundle
)

// journalKey is the vault's name of what a participant's journal is sealed with; destroying it erases the journal.
func journalKey(id ID, p ParticipantID) keys.Name {
	return keys.Name("recording/" + string(id) + "/" + string(p))
}

// manifestKey is the vault's name of the recording key: it seals the manifest's fields and makes pseudonyms.
func manifestKey(id ID) keys.Name { return keys.Name("recording/" + string(id) + "/manifest") }

// Pseudonym stands for a user in one recording's manifest. Without the recording key it says nothing.
type Pseudonym string

func pseudonym(k keys.Key, u identity.UserID) (Pseudonym, error) {
	sub, err := hkdf.Key(sha256.New, k[:], nil, "parley pseudonym v1", 32)
	if err != nil {
		return "", fmt.Errorf("derive pseudonym key: %w", err)
	}
	m := hmac.New(sha256.New, sub)
	m.Write([]byte(u))
	return Pseudonym(hex.EncodeToString(m.Sum(nil))), nil
}
