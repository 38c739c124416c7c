package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"parley/internal/chain"
)

// page is how many records Verify reads at a time.
const page = 512

// Tampered says which entry of the log is the first that is not as it was recorded, and why.
type Tampered struct {
	Seq    uint64
	Reason string
}

func (t *Tampered) Error() string { return fmt.Sprintf("audit: entry %d: %s", t.Seq, t.Reason) }

// Head is what the log was at a moment: so many entries, the last of which has this hash. Whoever holds one can show
// later that an entry it covers was changed, left out or cut off.
type Head struct {
	Seq       uint64          `json:"seq"`
	Hash      chain.Hash      `json:"hash"`
	Time      time.Time       `json:"time"`
	Signature chain.Signature `json:"signature"`
}

// message is what is signed.
func (h Head) message() []byte {
	b := []byte("parley audit head v1\n")
	b = binary.BigEndian.AppendUint64(b, h.Seq)
	b = append(b, h.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(h.Time.UnixMicro()))
}

// Verify says whether the head was signed by the key.
func (h Head) Verify(pub ed25519.PublicKey) error { return chain.Verify(pub, h.message(), h.Signature) }

// Head signs the log's present end. It does not walk the log.
func (l *Log) Head(ctx context.Context) (Head, error) {
	last, err := l.store.Last(ctx)
	if err != nil {
		return Head{}, fmt.Errorf("audit head: %w", err)
	}
	h := Head{Seq: last.Seq, Hash: last.Hash, Time: l.cfg.Now().UTC().Truncate(time.Microsecond)}
	if h.Signature, err = l.cfg.Signer.Sign(ctx, h.message()); err != nil {
		return Head{}, fmt.Errorf("audit head: %w", err)
	}
	return h, nil
}

// Verify walks the whole log: nil, a [Tampered] that names the first wrong entry, or why it could not be read. It
// needs no key; what it can't see is an end that was cut off, for which it takes the heads that somebody held.
func (l *Log) Verify(ctx context.Context, held ...Head) error {
	var last Record
	for {
		records, err := l.store.Read(ctx, last.Seq, page)
		if err != nil {
			return fmt.Errorf("verify audit log: %w", err)
		}
		for _, r := range records {
			if err := follows(last, r); err != nil {
				return err
			}
			if err := contradicted(r, held); err != nil {
				return err
			}
			last = r
		}
		if len(records) < page {
			return cutOff(last, held)
		}
	}
}

// follows says whether r is whole and comes right after last.
func follows(last, r Record) error {
	wrong := func(reason string) error { return &Tampered{Seq: last.Seq + 1, Reason: reason} }
	switch {
	case r.Seq != last.Seq+1:
		return wrong(fmt.Sprintf("is missing; the next one is %d", r.Seq))
	case r.Prev != last.Hash:
		return wrong("does not follow the entry before it")
	case r.Hash != r.sum():
		return wrong("was changed")
	case r.Time.Before(last.Time):
		return wrong("is earlier than the entry before it")
	}
	return nil
}

func contradicted(r Record, held []Head) error {
	for _, h := range held {
		if h.Seq == r.Seq && h.Hash != r.Hash {
			return &Tampered{Seq: r.Seq, Reason: "is not the one that a head was signed over"}
		}
	}
	return nil
}

func cutOff(last Record, held []Head) error {
	for _, h := range held {
		if h.Seq > last.Seq {
			return &Tampered{Seq: last.Seq + 1, Reason: fmt.Sprintf("is missing; a head was signed over %d entries", h.Seq)}
		}
	}
	return nil
}
