package recording

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"parley/internal/chain"
)

// The files of a late tail in a bundle: what a node had recorded beyond what another one had adopted and signed, which it
// hands in when it is back. The signed gap stays; the tail says for itself by whom it was signed, and when.
const lateFile = "late.json"

func lateJournalFile(p ParticipantID) string { return string(p) + ".late.journal" }

// LateHead is the content of late.json: which bytes follow those of the adopted recording, signed.
type LateHead struct {
	Recording string    `json:"recording"`
	Epoch     uint64    `json:"epoch"` // of the node that recorded them
	Head      string    `json:"head"`  // of the adopted recording
	Time      time.Time `json:"time"`
	// Journals are those that have a tail.
	Journals  []LateJournal `json:"journals"`
	Key       string        `json:"key"`
	Signature []byte        `json:"signature"`
	PublicKey []byte        `json:"public_key"`
}

// LateJournal is one journal's tail: Length bytes that follow the Offset bytes of the adopted journal.
type LateJournal struct {
	Participant ParticipantID `json:"participant"`
	Offset      int64         `json:"offset"`
	Length      int64         `json:"length"`
	Hash        chain.Hash    `json:"hash"`
}

// message is what the signature covers.
func (h LateHead) message() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "parley recording late v1\n%s\n%d\n%s\n%s\n", h.Recording, h.Epoch, h.Head, h.Time.UTC().Format(time.RFC3339Nano))
	for _, j := range h.Journals {
		b.WriteString(string(j.Participant) + " " + strconv.FormatInt(j.Offset, 10) + " " +
			strconv.FormatInt(j.Length, 10) + " " + j.Hash.String() + "\n")
	}
	return []byte(b.String())
}

// VerifyLate checks the signature of a late tail's head: nil, or why not.
func VerifyLate(pub ed25519.PublicKey, h LateHead) error {
	return chain.Verify(pub, h.message(), chain.Signature{Key: chain.KeyID(h.Key), Bytes: h.Signature})
}

func encodeLate(h LateHead) ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode late head: %w", err)
	}
	return append(b, '\n'), nil
}

// parseLate decodes late.json and refuses any other form of the same content.
func parseLate(b []byte) (LateHead, error) {
	var h LateHead
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errHead, err)
	}
	again, err := encodeLate(h)
	if err != nil || !bytes.Equal(again, b) {
		return h, fmt.Errorf("%w: not in canonical form", errHead)
	}
	return h, nil
}

// sign completes the head.
func (r *Recorder) signLate(ctx context.Context, h LateHead) (LateHead, error) {
	sig, err := r.cfg.Vault.Sign(ctx, h.message())
	if err != nil {
		return h, fmt.Errorf("sign late head: %w", err)
	}
	pub, err := r.cfg.Vault.PublicKey(ctx)
	if err != nil {
		return h, fmt.Errorf("sign late head: %w", err)
	}
	h.Key, h.Signature, h.PublicKey = string(sig.Key), sig.Bytes, pub
	if err := VerifyLate(pub, h); err != nil {
		return h, fmt.Errorf("sign late head: %w", err)
	}
	return h, nil
}

// lateDetails is what a row keeps, sealed, of a late tail. Its objects are among the row's.
type lateDetails struct {
	Epoch uint64                          `json:"epoch"`
	Until map[ParticipantID]time.Duration `json:"until_ns"` // the last packet of each tail
}

// lateID takes the name of a late folder apart.
func lateID(name string) (id ID, epoch uint64, ok bool) {
	name, ok = strings.CutSuffix(name, lateSuffix)
	s, number, found := strings.Cut(name, ".")
	epoch, err := strconv.ParseUint(number, 10, 64)
	return ID(s), epoch, ok && found && err == nil && ID(s).valid()
}

var errLate = errors.New("recording: what is here is not what was adopted")
