package recording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"parley/internal/chain"
	"parley/internal/outbox"
	"parley/signal/wire"
	"parley/storage/keys"
	"parley/storage/object"
)

// closing is a recording whose journals take no more, on its way to being sealed. Stop makes one of what is in memory,
// Recover and adoption one of what is on disk; from here on both run the same code.
type closing struct {
	dir      string
	key      keys.Key
	epoch    uint64 // under which the folder was written
	row      Row
	meta     details
	ledger   *ledger
	journals []closedJournal
	reason   EndReason
	length   time.Duration
	// lost is the head that the owner before signed, when what it signed is not all here.
	lost *LostHead
	// ended says that the manifest has its last entry already.
	ended bool
}

// closedJournal is a journal at its end.
type closedJournal struct {
	id      ParticipantID
	size    int64
	pending []Segment // not yet in the manifest
	count   uint64    // segments, with the pending ones
	chain   chain.Hash
	sum     Summary
	gaps    int // of sum, in the manifest
	final   bool
}

// Stop ends the recording and seals it: final blocks, last manifest entries, signed head, row. why is kept sealed in
// the manifest. On return everything is durable on this disk; Run brings it to the bucket. The head is what
// participants' clients keep (E6). Stopping again gives the same answer.
//
// A crash or an error within Stop leaves a folder that Recover, or Run, seals.
func (rec *Recording) Stop(ctx context.Context, why string) (wire.ReceiptHead, error) {
	rec.stopped.Do(func() {
		length := rec.now()
		rec.halt()
		if rec.err = rec.wait(ctx); rec.err != nil {
			return // a writer hangs in the disk: nobody else may touch the folder while this process lives
		}
		rec.head, rec.err = rec.stop(ctx, why, length)
		rec.r.leave(rec)
		rec.r.poke()
	})
	return rec.head, rec.err
}

// wait waits for the writers, but no longer than ctx.
func (rec *Recording) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		rec.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop recording: the disk does not answer: %w", ctx.Err())
	}
}

func (rec *Recording) stop(ctx context.Context, why string, length time.Duration) (wire.ReceiptHead, error) {
	c := &closing{dir: rec.dir(), key: rec.key, row: rec.row, ledger: rec.ledger, reason: Stopped, length: length}
	rec.mu.Lock()
	c.meta = rec.meta
	c.meta.People = slices.Clone(rec.meta.People)
	rec.mu.Unlock()
	c.meta.Why = why
	var errs []error
	for _, w := range rec.writers {
		c.journals = append(c.journals, w.closed(rec.gaps[w.id]))
		errs = append(errs, w.j.close())
	}
	err := errors.Join(errs...)
	if rec.fenced.Load() {
		err = errors.Join(err, ErrFenced)
	}
	if err == nil {
		err = rec.r.seal(ctx, c)
	}
	if err = errors.Join(err, rec.ledger.close()); err != nil {
		return wire.ReceiptHead{}, fmt.Errorf("stop recording: %w", err)
	}
	return c.meta.Head.ReceiptHead, nil
}

// closed describes the journal after its writer has ended.
func (w *writer) closed(gaps int) closedJournal {
	pending, _ := w.j.take()
	return closedJournal{id: w.id, size: w.j.off, pending: pending, count: w.j.seg.Index, chain: w.j.last,
		sum: w.j.sum.clone(), gaps: gaps, final: w.j.final}
}

// seal ends the manifest, signs its head and saves the row. Each step finds out whether it was done before. What another
// node has adopted is not signed: of one recording there is one head.
func (r *Recorder) seal(ctx context.Context, c *closing) error {
	if _, err := r.unfenced(ctx, c.row); err != nil {
		return err
	}
	if err := c.end(r.cfg.Now()); err != nil {
		return err
	}
	head, err := r.signHead(ctx, c)
	if err != nil {
		return err
	}
	c.meta.Head = &head
	if c.reason == Adopted { // whoever adopts after this node must find what it signed
		if err := r.rest(ctx, c.row.ID, true); err != nil && !errors.Is(err, errPartLog) && !errors.Is(err, object.ErrConflict) {
			return fmt.Errorf("ship the end: %w", err)
		}
	}
	c.row.State, c.row.Ended = StateSealed, c.row.Started.Add(c.length)
	if c.reason == Recovered || c.reason == Adopted {
		c.row.State = StateRecovered
	}
	if r.cfg.Events { // its id follows from the recording's, so a repeat is the same event
		if c.row.Event, err = outbox.Sealed(string(c.row.ID), c.row.Interview, c.row.Ended); err != nil {
			return fmt.Errorf("tell of sealed recording: %w", err)
		}
	}
	return r.saveRow(ctx, c.key, c.row, c.meta)
}

// end appends what the manifest still lacks and its last entry.
func (c *closing) end(now time.Time) error {
	c.meta.Summaries = map[ParticipantID]Summary{}
	for _, j := range c.journals {
		c.meta.Summaries[j.id] = j.sum
	}
	if c.ended {
		return nil
	}
	if err := c.pending(now); err != nil {
		return err
	}
	for i := range c.journals {
		if err := c.endGaps(now, &c.journals[i]); err != nil {
			return err
		}
	}
	return c.ledger.append(EntryEnd, now, func(seq uint64) (_ any, err error) {
		b := EndBody{Reason: c.reason, Lost: c.lost, DurationMS: c.length.Milliseconds()}
		for _, j := range c.journals {
			b.Journals = append(b.Journals, JournalEnd{Participant: j.id, Size: j.size, Segments: j.count,
				Chain: j.chain, Final: j.final})
		}
		b.Sealed, err = c.ledger.fields.seal(string(EntryEnd), seq, c.meta.endDetails)
		return b, err
	})
}

func (c *closing) pending(now time.Time) error {
	var b SegmentsBody
	for i := range c.journals {
		if j := &c.journals[i]; len(j.pending) > 0 {
			b.Journals = append(b.Journals, JournalSegments{Participant: j.id, Segments: j.pending})
		}
	}
	if len(b.Journals) == 0 {
		return nil
	}
	return c.ledger.segments(now, b, c.meta.Summaries)
}

// endGaps writes the gaps that the manifest lacks; a recovered journal without a final block gets one for the crash.
func (c *closing) endGaps(now time.Time, j *closedJournal) (err error) {
	j.gaps, err = c.ledger.gaps(now, j.id, j.sum.Gaps, j.gaps, true)
	return err
}

// signHead gives the head that is there, or signs and writes one.
func (r *Recorder) signHead(ctx context.Context, c *closing) (SignedHead, error) {
	entries, last := c.ledger.state()
	if b, err := os.ReadFile(filepath.Join(c.dir, headFile)); err == nil {
		if h, err := parseHead(b); err == nil && h.Head == last.String() && h.Entries == entries {
			return h, nil
		}
	}
	h := wire.ReceiptHead{Recording: string(c.row.ID), Head: last.String(), Entries: entries, Time: r.cfg.Now().UTC()}
	sig, err := r.cfg.Vault.Sign(ctx, headMessage(h))
	if err != nil {
		return SignedHead{}, fmt.Errorf("sign head: %w", err)
	}
	pub, err := r.cfg.Vault.PublicKey(ctx)
	if err != nil {
		return SignedHead{}, fmt.Errorf("sign head: %w", err)
	}
	h.Key, h.Signature = string(sig.Key), sig.Bytes
	if err := VerifyHead(pub, h); err != nil {
		return SignedHead{}, fmt.Errorf("sign head: %w", err)
	}
	signed := SignedHead{ReceiptHead: h, PublicKey: pub}
	return signed, r.writeHead(c.dir, signed)
}

// writeHead writes the head into the room that was kept for it, then gives it its name: a crash leaves no head or a
// whole one.
func (r *Recorder) writeHead(dir string, h SignedHead) error {
	b, err := encodeHead(h)
	if err != nil {
		return err
	}
	spare := filepath.Join(dir, headReserve)
	f, err := r.cfg.disk.Open(spare)
	if errors.Is(err, os.ErrNotExist) {
		f, err = r.cfg.disk.Create(spare)
	}
	if err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Truncate(int64(len(b))), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	if err := os.Rename(spare, filepath.Join(dir, headFile)); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	return r.cfg.disk.SyncDir(dir)
}

// decodeBody decodes an entry's body.
func decodeBody[T any](e Entry) (b T, err error) {
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return b, fmt.Errorf("%w: %s: %w", errManifest, e.Kind, err)
	}
	return b, nil
}

// noRoom turns a full disk into the error that callers know.
func noRoom(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", errNoRoom, err)
	}
	return err
}

// erased says that a key which an answer needs was destroyed, or never made.
func erased(err error) bool {
	return errors.Is(err, keys.ErrDestroyed) || errors.Is(err, keys.ErrNotFound)
}
