package recording

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"parley/internal/chain"
)

// MaxSegment bounds a segment's length.
const MaxSegment = 2 << 20

// journalCheck is one journal as the manifest describes it.
type journalCheck struct {
	file     string
	segments []Segment
}

func (v *verifier) checkJournals() error {
	for _, p := range v.order {
		c := v.journals[p]
		size, ok := v.sizes[c.file]
		if !ok {
			continue // checkFiles reports it
		}
		if !v.checkList(p, c) {
			continue
		}
		s := &journalScan{v: v, c: c, size: size}
		if err := s.run(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnreadable, c.file, err)
		}
	}
	return nil
}

// checkList checks that the segments the manifest names are one chain without a hole and are what the end sums up.
func (v *verifier) checkList(p ParticipantID, c *journalCheck) bool {
	var last Segment
	for i, s := range c.segments {
		if s.Index != uint64(i) || s.Offset != last.end() || s.Length <= 0 || s.Length > MaxSegment ||
			s.Blocks < last.Blocks || s.Chain != chain.Next(last.Chain, s.Hash) {
			v.badList(fmt.Sprintf("segment %d of %s does not follow the one before", i, p))
			return false
		}
		last = s
	}
	if v.end == nil {
		return true
	}
	for _, e := range v.end.Journals {
		if e.Participant != p {
			continue
		}
		if e.Size != last.end() || e.Segments != uint64(len(c.segments)) || e.Chain != last.Chain {
			v.badList(fmt.Sprintf("the end does not sum up the segments of %s", p))
			return false
		}
		return true
	}
	v.badList(fmt.Sprintf("the end does not name the journal of %s", p))
	return false
}

// badList reports a list of segments that can't have been signed. When lines of the manifest were found broken
// already, that is the cause.
func (v *verifier) badList(detail string) {
	for _, f := range v.report.Findings {
		if f.File == manifestFile {
			return
		}
	}
	v.report.find(Finding{File: manifestFile, To: v.sizes[manifestFile], Class: Altered, Detail: detail})
}

// journalScan holds a journal's bytes against its segments.
type journalScan struct {
	v       *verifier
	c       *journalCheck
	size    int64
	missing []int     // segments that are not where they should be
	strays  []Finding // bytes that no segment claims
}

// run reads the file once; only when something does not fit, it looks for what was done.
func (s *journalScan) run() error {
	f, err := s.v.fsys.Open(s.c.file)
	if err != nil {
		return err
	}
	defer f.Close()
	for i, seg := range s.c.segments {
		h := sha256.New()
		if _, err := io.CopyN(h, f, seg.Length); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if chain.Hash(h.Sum(nil)) != seg.Hash {
			return s.explain(i, seg.Offset)
		}
	}
	if end := s.end(); s.size > end {
		s.report(end, s.size, Added, "bytes after the last segment")
	}
	return nil
}

func (s *journalScan) end() int64 {
	if n := len(s.c.segments); n > 0 {
		return s.c.segments[n-1].end()
	}
	return 0
}

// explain goes on from the first segment that does not fit. At each place it asks, in this order: is it the segment
// expected, is it a later one (then those between are missing here), does the expected one begin a few blocks
// further on (then what is before it was added), or were its bytes changed.
func (s *journalScan) explain(i int, at int64) error {
	for i < len(s.c.segments) {
		seg := s.c.segments[i]
		j, err := s.match(at, i)
		if err != nil {
			return err
		}
		if j >= i {
			for ; i < j; i++ {
				s.missing = append(s.missing, i)
			}
			at, i = at+s.c.segments[j].Length, j+1
			continue
		}
		to, err := s.seek(at, seg)
		if err != nil {
			return err
		}
		switch {
		case to > at:
			s.strays = append(s.strays, Finding{From: at, To: to})
			at = to
		case at+seg.Length > s.size:
			s.settle()
			s.report(at, s.size, Truncated, fmt.Sprintf("the file ends within segment %d of %d", i, len(s.c.segments)))
			return nil
		default:
			s.report(at, at+seg.Length, Altered, fmt.Sprintf("segment %d is not what was recorded", i))
			at, i = at+seg.Length, i+1
		}
	}
	if at < s.size {
		s.strays = append(s.strays, Finding{From: at, To: s.size})
	}
	s.settle()
	return nil
}

// match finds the first segment from i on whose bytes stand at the offset; -1 if none does. It hashes once, with a
// sum at each length that a segment has.
func (s *journalScan) match(at int64, i int) (int, error) {
	lengths := map[int64][]int{}
	for j := i; j < len(s.c.segments); j++ {
		n := s.c.segments[j].Length
		lengths[n] = append(lengths[n], j)
	}
	f, err := s.open(at)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	h, found, done := sha256.New(), -1, int64(0)
	for _, n := range slices.Sorted(maps.Keys(lengths)) {
		if at+n > s.size {
			break
		}
		if _, err := io.CopyN(h, f, n-done); err != nil {
			return -1, err
		}
		done = n
		sum := chain.Hash(h.Sum(nil))
		for _, j := range lengths[n] {
			if s.c.segments[j].Hash == sum && (found < 0 || j < found) {
				found = j
			}
		}
	}
	return found, nil
}

// seekBlocks bounds how many blocks are skipped in search of a segment.
const seekBlocks = 512

// seek finds where the segment begins after the offset, at the end of some block; the offset itself if nowhere near.
func (s *journalScan) seek(at int64, seg Segment) (int64, error) {
	to := at
	for range seekBlocks {
		head, err := s.read(to, blockHead)
		if err != nil || len(head) < blockHead {
			return at, err
		}
		n, err := blockLength(head)
		if err != nil {
			if to != at || !bytes.HasPrefix(head, []byte(journalMagic[:blockHead])) {
				return at, nil
			}
			n = headerSize - blockHead
		}
		if to += int64(blockHead + n); to+seg.Length > s.size {
			return at, nil
		}
		sum, err := s.hash(to, seg.Length)
		if err != nil || sum == seg.Hash {
			return to, err
		}
	}
	return at, nil
}

// settle tells what was moved from what is gone and what is new.
func (s *journalScan) settle() {
	for _, f := range s.strays {
		if i := s.stray(f); i >= 0 {
			s.report(f.From, f.To, Reordered, fmt.Sprintf("segment %d stands at another place", i))
			continue
		}
		s.report(f.From, f.To, Added, "bytes that no segment names")
	}
	for _, i := range s.missing {
		at := min(s.c.segments[i].Offset, s.size)
		s.report(at, at, Removed, fmt.Sprintf("segment %d is missing", i))
	}
}

// stray gives the missing segment that the bytes are, and takes it off the list.
func (s *journalScan) stray(f Finding) int {
	sum, err := s.hash(f.From, f.To-f.From)
	if err != nil {
		return -1
	}
	for k, i := range s.missing {
		if seg := s.c.segments[i]; seg.Hash == sum {
			s.missing = slices.Delete(s.missing, k, k+1)
			return i
		}
	}
	return -1
}

func (s *journalScan) report(from, to int64, c Class, detail string) {
	s.v.report.find(Finding{File: s.c.file, From: from, To: to, Class: c, Detail: detail})
}

// open opens the file at an offset, in file systems that can seek and in those that can't.
func (s *journalScan) open(at int64) (fs.File, error) {
	f, err := s.v.fsys.Open(s.c.file)
	if err != nil {
		return nil, err
	}
	if k, ok := f.(io.Seeker); ok {
		_, err = k.Seek(at, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, at)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read reads up to n bytes.
func (s *journalScan) read(at int64, n int) ([]byte, error) {
	f, err := s.open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, n)
	k, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:k], err
}

func (s *journalScan) hash(at, n int64) (chain.Hash, error) {
	f, err := s.open(at)
	if err != nil {
		return chain.Hash{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(h, f, n); err != nil {
		return chain.Hash{}, err
	}
	return chain.Hash(h.Sum(nil)), nil
}
