package recording

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"parley/internal/chain"
	"parley/signal/media"
)

// tail reads what a journal holds beyond the manifest and cuts off a torn block.
func (r *Recorder) tail(ctx context.Context, c *closing, id ID, p ParticipantID, h *history) (closedJournal, error) {
	k := h.journals[p]
	if k == nil {
		return closedJournal{}, errManifest
	}
	j := closedJournal{id: p, size: k.last.end(), count: k.count, chain: k.last.Chain, sum: k.sum, gaps: k.gaps}
	if h.end != nil {
		j.sum = h.ending.Summaries[p]
		return j, nil
	}
	path := filepath.Join(c.dir, journalFile(p))
	in, err := os.Open(path)
	if err != nil {
		return j, err
	}
	defer in.Close()
	key, err := r.cfg.Vault.Open(ctx, journalKey(id, p))
	if erased(err) {
		return j, r.cutFile(path, j.size)
	}
	if err != nil {
		return j, err
	}
	jr, err := resumeJournal(in, key, id, p, k.last)
	if err != nil {
		return j, err
	}
	ends, err := j.scan(jr)
	if err != nil {
		return j, err
	}
	if err := j.hash(in, ends, k.last); err != nil {
		return j, err
	}
	j.crashed(c.reason)
	return j, r.cutFile(path, j.size)
}

func (r *Recorder) cutFile(path string, size int64) error {
	f, err := r.cfg.disk.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// blockEnd is where a block ends, and how many there are up to it.
type blockEnd struct {
	offset int64
	blocks uint64
}

// scan reads whole blocks to the last one that is good. What is wrong within a good block was written so, and stays.
func (j *closedJournal) scan(jr *JournalReader) ([]blockEnd, error) {
	var ends []blockEnd
	for {
		records, err := jr.block()
		switch {
		case err == nil:
			j.sum.absorb(records)
			ends = append(ends, blockEnd{jr.Offset(), jr.Blocks()})
		case errors.Is(err, io.EOF):
			j.final = true
			return ends, nil
		case errors.Is(err, ErrTorn), errors.Is(err, ErrSealed), errors.Is(err, ErrFormat):
			return ends, nil
		default:
			return nil, err
		}
	}
}

// hash makes segments of the blocks that the manifest lacks.
func (j *closedJournal) hash(in io.ReaderAt, ends []blockEnd, last Segment) error {
	s := Segment{Index: j.count, Offset: j.size}
	prev := last.Chain
	for i, e := range ends {
		if s.Length, s.Blocks = e.offset-s.Offset, e.blocks; s.Length < segmentBytes && i < len(ends)-1 {
			continue
		}
		d := sha256.New()
		if _, err := io.Copy(d, io.NewSectionReader(in, s.Offset, s.Length)); err != nil {
			return fmt.Errorf("hash segment: %w", err)
		}
		s.Hash = chain.Hash(d.Sum(nil))
		s.Chain = chain.Next(prev, s.Hash)
		prev = s.Chain
		j.pending = append(j.pending, s)
		s = Segment{Index: s.Index + 1, Offset: s.end()}
	}
	j.size, j.count, j.chain = s.Offset, s.Index, prev
	return nil
}

// crashed adds the gap that says so, once: it lasts from the last packet on (E7).
func (j *closedJournal) crashed(reason EndReason) {
	why := media.Crash
	if reason == Adopted {
		why = Gone
	}
	if n := len(j.sum.Gaps); j.final || n > 0 && j.sum.Gaps[n-1].Reason == why {
		return
	}
	j.sum.addGap(GapSpan{From: j.sum.Last, To: j.sum.Last, Reason: why, Open: true})
}
