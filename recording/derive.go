package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/storage/keys"
	"parley/storage/object"
)

// Media is one participant's journal, for a muxer to read as often as it needs to.
type Media interface {
	// Records calls f for each record in the order of the journal until f returns an error, which it gives back. The
	// payload is only valid during the call. The end of a journal that a crash tore is an end.
	Records(ctx context.Context, f func(Record) error) error
}

// Output is what a muxer writes: bytes in order, and corrections within the first 64 KiB at any time.
type Output interface {
	io.Writer
	io.WriterAt
}

// Muxer makes a playable file of a journal, whose time 0 is the recording's start.
type Muxer func(ctx context.Context, m Media, w Output) error

// Derive gives the user's side of a sealed recording as a playable file with all of their tracks. Time 0 is the
// recording's start, so that the sides of one recording share one clock. Both are refused with policy.ErrNotFound: a
// recording that is not there, and one in which the user is not. One that still runs is policy.ErrConflict; one whose
// files are elsewhere and not in the bucket yet is [ErrStoring].
//
// Every node makes the same bytes of the same journal, so that ranges of one playback may come from several.
// The file is on disk only in sealed form, under a key of this process. A file derived a short while ago is given
// again without deriving, so that requests for ranges are cheap.
func (r *Recorder) Derive(ctx context.Context, id ID, u identity.UserID) (*Derived, error) {
	row, d, err := r.load(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	p, ok := d.person(u)
	if !ok {
		return nil, fmt.Errorf("derive: %w", policy.ErrNotFound)
	}
	if err := r.readable(row); err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	if r.cfg.Mux == nil {
		return nil, fmt.Errorf("derive: %w", policy.ErrNotFound)
	}
	f, err := r.derived.get(string(id)+"/"+string(p.ID), func() (*spool, error) {
		return r.derive(context.WithoutCancel(ctx), row, p.ID, d)
	})
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	return f, nil
}

func (r *Recorder) derive(ctx context.Context, row Row, p ParticipantID, d details) (*spool, error) {
	k, err := r.cfg.Vault.Open(ctx, journalKey(row.ID, p))
	if erased(err) {
		return nil, policy.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open journal key: %w", err)
	}
	s, err := newSpool(r.cfg.Dir)
	if err != nil {
		return nil, err
	}
	m := &stored{r: r, row: row, p: p, d: d, key: k}
	if err = r.cfg.Mux(ctx, m, s); err == nil {
		err = s.finish()
	}
	if err != nil {
		return nil, errors.Join(err, s.f.Close())
	}
	return s, nil
}

// load gives a row and what is sealed in it. An erased recording is not found.
func (r *Recorder) load(ctx context.Context, id ID) (Row, details, error) {
	row, err := r.cfg.Store.Get(ctx, id)
	if err != nil {
		return Row{}, details{}, err
	}
	d, err := r.openRow(ctx, row)
	if erased(err) {
		return Row{}, details{}, policy.ErrNotFound
	}
	return row, d, err
}

// stored is a journal of a sealed recording, wherever it is now.
type stored struct {
	r   *Recorder
	row Row
	p   ParticipantID
	d   details
	key keys.Key
}

// Records implements Media.
func (s *stored) Records(ctx context.Context, f func(Record) error) error {
	in, err := s.r.openJournal(ctx, s.row, s.d, s.p)
	if err != nil {
		return err
	}
	defer in.Close()
	jr, err := NewJournalReader(in, s.key, s.row.ID, s.p)
	if err != nil {
		return err
	}
	for {
		rec, err := jr.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, ErrTorn):
			return nil
		case err != nil:
			return fmt.Errorf("read journal: %w", err)
		}
		if err := f(rec); err != nil {
			return err
		}
	}
}

// openJournal opens a journal, with the tail that was handed in late: its bytes go on where those of the adopted one end.
func (r *Recorder) openJournal(ctx context.Context, row Row, d details, p ParticipantID) (io.ReadCloser, error) {
	late := d.objects(lateJournalFile(p))
	if len(late) == 0 {
		return r.openFile(ctx, row, d, journalFile(p))
	}
	whole := &inOrder{ctx: ctx, bucket: r.cfg.Bucket, rest: append(d.objects(journalFile(p)), late...)}
	if err := whole.next(); err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return whole, nil
}

// openFile opens a file of a sealed recording: here if it is this node's, or in the bucket once it is stored. Until
// then it is [ErrStoring] elsewhere.
func (r *Recorder) openFile(ctx context.Context, row Row, d details, name string) (io.ReadCloser, error) {
	if row.Node == r.cfg.Node {
		f, err := os.Open(filepath.Join(r.folder(row.ID), name))
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("open recording: %w", err)
		}
	}
	list := d.objects(name)
	if len(list) == 0 {
		return nil, fmt.Errorf("open recording: %w", ErrStoring)
	}
	in := &inOrder{ctx: ctx, bucket: r.cfg.Bucket, rest: list}
	if err := in.next(); err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return in, nil
}

// inOrder reads objects one after the other.
type inOrder struct {
	ctx    context.Context
	bucket object.Bucket
	rest   []storedObject
	open   io.ReadCloser
}

// next goes on with the next object.
func (i *inOrder) next() error {
	in, err := i.bucket.Get(i.ctx, i.rest[0].Key, 0, -1)
	if err != nil {
		return away(err)
	}
	i.open, i.rest = in, i.rest[1:]
	return nil
}

// Read implements io.Reader.
func (i *inOrder) Read(p []byte) (int, error) {
	for {
		n, err := i.open.Read(p)
		if !errors.Is(err, io.EOF) || len(i.rest) == 0 {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		if err := errors.Join(i.open.Close(), i.next()); err != nil {
			return 0, fmt.Errorf("open next object: %w", err)
		}
	}
}

// Close implements io.Closer.
func (i *inOrder) Close() error { return i.open.Close() }
