package recording

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"parley/storage/keys"
	"parley/storage/object"
)

// shipment brings what becomes durable of one recording to the bucket, part by part.
//
// A part is planned, its header made durable, and put until the bucket has it; only then the next one is planned. So
// whatever a kill or an outage leaves unknown is put again with the same bytes under the same name, and the order of
// parts is the order of time.
type shipment struct {
	r     *Recorder
	id    ID
	parts *partSealer
	turn  chan struct{} // held by whoever uses what follows

	log     *partLog
	pending bool // the last part of the log is not known to be in the bucket
	broken  error
	// whole is when the last part was planned if it brought all there was, else zero.
	whole time.Time

	mu    sync.Mutex // guards what follows
	total int64      // durable bytes here
	sent  int64      // of them in the bucket
	since time.Time  // when the first that is not was seen; zero: there is none
	due   time.Time  // the next turn
}

func newShipment(r *Recorder, id ID, k keys.Key) (*shipment, error) {
	parts, err := newPartSealer(k, id)
	if err != nil {
		return nil, err
	}
	return &shipment{r: r, id: id, parts: parts, turn: make(chan struct{}, 1)}, nil
}

// lock waits for the turn.
func (s *shipment) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shipment) tryLock() bool {
	select {
	case s.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *shipment) unlock() { <-s.turn }

// durable says how far each file is on disk for good: journals, then manifest, then head.
type durable func() ([]fileSize, error)

type fileSize struct {
	name string
	size int64
}

// ship puts what is due as one part: the one that is pending, or the next. It says whether a full part more is left.
// The turn must be held.
func (s *shipment) ship(ctx context.Context, sizes durable) (more bool, err error) {
	if err := s.open(); err != nil {
		return false, err
	}
	files, err := sizes()
	if err != nil {
		return false, fmt.Errorf("ship part: %w", err)
	}
	s.saw(files)
	if !s.pending {
		s.whole = s.r.cfg.Now()
		if s.pending, err = s.plan(files); err != nil || !s.pending {
			return false, err
		}
		if s.left(files) > 0 {
			s.whole = time.Time{}
		}
	}
	if err := s.put(ctx); err != nil {
		return false, err
	}
	s.pending = false
	return s.took(files) >= s.r.cfg.MaxPart, nil
}

// open reads the log of a former process, or begins one. A log that can't be read ends the parts of this recording:
// its final upload brings all.
func (s *shipment) open() (err error) {
	if s.broken != nil || s.log != nil {
		return s.broken
	}
	if s.log, err = s.r.openPartLog(s.id); errors.Is(err, errPartLog) {
		s.broken = err
	}
	if err == nil {
		s.pending = s.log.last != nil
	}
	return err
}

// plan makes the header of the next part durable. It says false when there is nothing to bring.
func (s *shipment) plan(files []fileSize) (bool, error) {
	ranges, err := s.pick(files)
	if err != nil || len(ranges) == 0 {
		return false, err
	}
	h := partHeader{Epoch: s.log.start.Epoch, Number: s.log.next}
	if h.Number == 0 {
		h.Base = s.log.start.Base
	}
	for _, r := range ranges {
		sum, err := hashSection(s.r.folder(s.id), r)
		if err != nil {
			return false, fmt.Errorf("plan part: %w", err)
		}
		h.Ranges = append(h.Ranges, partRange{File: r.file, Offset: r.offset, Length: r.length, Hash: sum})
	}
	return true, s.log.append(h)
}

// pick chooses what the next part brings. Journals share its room. The manifest follows when they are all in, and the
// head after it, so that whoever puts the parts together never knows of bytes that are not there; only the manifest's
// first entry, without which nothing can be read, comes in the first part in any case.
func (s *shipment) pick(files []fileSize) ([]section, error) {
	room, whole := s.r.cfg.MaxPart, true
	var ranges []section
	add := func(f fileSize, most int64) {
		n := min(f.size-s.log.sent[f.name], most)
		if n > 0 {
			ranges = append(ranges, section{f.name, s.log.sent[f.name], n})
			room -= n
		}
		whole = whole && f.size-s.log.sent[f.name] <= max(n, 0)
	}
	journals, rest := s.sorted(files)
	if s.log.next == 0 && s.log.start.Epoch == 1 {
		room -= maxFirstEntry
	}
	for i, f := range journals {
		add(f, room/int64(len(journals)-i))
	}
	if s.log.next == 0 && s.log.start.Epoch == 1 {
		room += maxFirstEntry
	}
	for _, f := range rest {
		switch {
		case whole:
			add(f, room)
		case s.log.sent[f.name] == 0 && f.name == manifestFile:
			n, err := firstLine(filepath.Join(s.r.folder(s.id), f.name))
			if err != nil {
				return nil, fmt.Errorf("plan part: %w", err)
			}
			add(fileSize{f.name, n}, n)
		}
	}
	return ranges, nil
}

// maxFirstEntry is the room kept for the manifest's first entry in the first part.
const maxFirstEntry = 32 << 10

// sorted gives the journals with the least to bring first, so that what they leave of their share goes to the others.
func (s *shipment) sorted(files []fileSize) (journals, rest []fileSize) {
	for _, f := range files {
		if f.name == manifestFile || f.name == headFile {
			rest = append(rest, f)
		} else {
			journals = append(journals, f)
		}
	}
	slices.SortStableFunc(journals, func(a, b fileSize) int {
		return int(a.size - s.log.sent[a.name] - b.size + s.log.sent[b.name])
	})
	return journals, rest
}

func firstLine(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	line, err := readLine(bufio.NewReader(f))
	if err != nil {
		return 0, err
	}
	return int64(len(line)) + 1, nil
}

// put puts the last part of the log, within its time.
func (s *shipment) put(ctx context.Context) error {
	h := s.log.header()
	list := make([]section, len(h.Ranges))
	for i, r := range h.Ranges {
		list[i] = section{r.File, r.Offset, r.Length}
	}
	body, err := openSections(s.r.folder(s.id), list)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.broken = err // a file was cut because its key was destroyed; the part can't be made again
		}
		return fmt.Errorf("put part: %w", err)
	}
	defer body.Close()
	head := s.parts.head(h.Epoch, h.Number, s.log.last)
	whole := &sections{}
	whole.add(bytes.NewReader(head), 0, int64(len(head)))
	whole.add(body, 0, body.size)
	ctx, cancel := context.WithTimeout(ctx, partTime+time.Duration(whole.size/uploadRate)*time.Second)
	defer cancel()
	err = s.r.cfg.Bucket.PutFile(ctx, s.parts.key(h.Epoch, h.Number), whole, whole.size)
	if errors.Is(err, object.ErrConflict) {
		s.broken = err // what follows would not fit to what is there
	}
	if err != nil {
		s.r.m.partFailures.Inc()
		return fmt.Errorf("put part %d: %w", h.Number, err)
	}
	s.r.m.parts.Inc()
	return nil
}

// saw takes in how much there is to bring.
func (s *shipment) saw(files []fileSize) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total = 0
	for _, f := range files {
		s.total += f.size
	}
	if s.total > s.sent && s.since.IsZero() {
		s.since = s.r.cfg.Now()
	}
}

// left is how much the parts so far don't bring.
func (s *shipment) left(files []fileSize) (n int64) {
	for _, f := range files {
		n += max(f.size-s.log.sent[f.name], 0)
	}
	return n
}

// took notes that the last planned part is in the bucket, and says how much is left.
func (s *shipment) took(files []fileSize) int64 {
	left := s.left(files)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = s.total - left
	switch {
	case left == 0:
		s.since = time.Time{}
	case !s.whole.IsZero(): // what is left came after that
		s.since = s.whole
	}
	return left
}

// backlog is how many durable bytes are on this disk only, and since when.
func (s *shipment) backlog() (bytes int64, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.total-s.sent, 0), s.since
}

// stored says that the bucket has all.
func (s *shipment) stored() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.since = s.total, time.Time{}
}

// close closes the log.
func (s *shipment) close() {
	if s.log != nil {
		s.log.f.Close() // each line was synced
		s.log = nil
	}
}
