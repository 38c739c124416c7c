package recording

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
	"parley/storage/keys"
)

// commitEvery is how often the manifest commits to what the journals hold.
const commitEvery = 10 * time.Second

// Recording is a recording that runs. Any goroutine may call it.
type Recording struct {
	r     *Recorder
	id    ID
	spec  Spec
	start time.Time // time 0, with the monotonic reading that arrivals are held against

	row     Row
	meta    details
	key     keys.Key // the recording key
	ledger  *ledger
	writers []*writer
	gaps    map[ParticipantID]int // how many of each writer's gaps the manifest has

	began  atomic.Bool // its files are there
	fenced atomic.Bool // it is another node's

	mu      sync.Mutex      // guards meta.People
	quit    context.Context // ends when it is to stop
	halt    context.CancelFunc
	wg      sync.WaitGroup
	stopped sync.Once
	head    wire.ReceiptHead
	err     error
}

func newRecording(r *Recorder, s Spec) *Recording {
	rec := &Recording{r: r, id: NewID(), spec: s, start: r.cfg.Now()}
	rec.quit, rec.halt = context.WithCancel(context.Background())
	return rec
}

// ID names the recording.
func (rec *Recording) ID() ID { return rec.id }

// Started is time 0 of the recording.
func (rec *Recording) Started() time.Time { return rec.start }

// now is the recording's clock.
func (rec *Recording) now() time.Duration { return rec.r.cfg.Now().Sub(rec.start) }

func (rec *Recording) dir() string { return filepath.Join(rec.r.cfg.Dir, string(rec.id)) }

// begin makes everything durable that must be before media flows: keys, row, folder, journals, first entry, names.
func (rec *Recording) begin(ctx context.Context) error {
	if err := rec.describe(ctx); err != nil {
		return err
	}
	if err := rec.r.saveRow(ctx, rec.key, rec.row, rec.meta); err != nil {
		return err
	}
	if err := os.MkdirAll(rec.dir(), 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := rec.files(ctx); err != nil {
		return noRoom(err)
	}
	disk := rec.r.cfg.disk
	return errors.Join(disk.SyncDir(rec.dir()), disk.SyncDir(rec.r.cfg.Dir))
}

// describe makes the recording key and what row and first entry say.
func (rec *Recording) describe(ctx context.Context) (err error) {
	if rec.key, err = rec.r.cfg.Vault.Create(ctx, manifestKey(rec.id)); err != nil {
		return fmt.Errorf("make recording key: %w", err)
	}
	rec.row = Row{ID: rec.id, Interview: rec.spec.Interview, Node: rec.r.cfg.Node, Epoch: 1,
		State: StateRecording, Started: rec.start.UTC()}
	rec.meta.startDetails = startDetails{Interview: rec.spec.Interview, Started: rec.start.UTC()}
	for i, p := range rec.spec.Participants {
		rec.meta.People = append(rec.meta.People, person{ID: participant(i), User: p.User, Consent: p.Consent})
	}
	return nil
}

// files makes the journals and the manifest, each with its first bytes durable.
func (rec *Recording) files(ctx context.Context) error {
	rec.gaps = map[ParticipantID]int{}
	for _, p := range rec.meta.People {
		w, err := rec.journal(ctx, p)
		if err != nil {
			return err
		}
		rec.writers = append(rec.writers, w)
	}
	if err := rec.reserveHead(); err != nil {
		return err
	}
	f, err := rec.r.cfg.disk.Create(filepath.Join(rec.dir(), manifestFile))
	if err != nil {
		return err
	}
	fields, err := newFieldSealer(rec.key, rec.id)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if rec.ledger, err = newLedger(f, fields); err != nil {
		return errors.Join(err, f.Close())
	}
	return rec.ledger.append(EntryStart, rec.start, rec.startBody)
}

func (rec *Recording) startBody(seq uint64) (any, error) {
	b := StartBody{Format: FormatVersion, Recording: rec.id, Build: rec.r.cfg.Build}
	for _, p := range rec.meta.People {
		name, err := pseudonym(rec.key, p.User)
		if err != nil {
			return nil, err
		}
		b.Participants = append(b.Participants, ManifestPerson{ID: p.ID, Pseudonym: name,
			Journal: journalFile(p.ID), Epoch: 1})
	}
	var err error
	b.Sealed, err = rec.ledger.fields.seal(string(EntryStart), seq, rec.meta.startDetails)
	return b, err
}

// reserveHead keeps a block of the disk for the signed head.
func (rec *Recording) reserveHead() error {
	f, err := rec.r.cfg.disk.Create(filepath.Join(rec.dir(), headReserve))
	if err != nil {
		return err
	}
	return errors.Join(f.Reserve(4096), f.Close())
}

// journal makes one participant's file with its first record durable.
func (rec *Recording) journal(ctx context.Context, p person) (*writer, error) {
	j, err := rec.newJournal(ctx, p.ID)
	if err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	first, err := jsonRecord(RecordOpened, 0, 0, Opened{Recording: rec.id, Participant: p.ID, Epoch: 1,
		Started: rec.start.UTC()})
	if err == nil {
		err = j.write(appendRecord(nil, first), 0)
	}
	if err == nil {
		err = j.sync()
	}
	if err != nil {
		return nil, errors.Join(err, j.f.Close())
	}
	return &writer{id: p.ID, sink: newSink(rec.start, rec.r.cfg.Buffer, rec.r.cfg.Patience, rec.r.m), j: j,
		now: rec.now, ask: rec.asker(p.User), m: rec.r.m, video: map[media.TrackID]*keyFrames{}}, nil
}

func (rec *Recording) newJournal(ctx context.Context, p ParticipantID) (*journal, error) {
	k, err := rec.r.cfg.Vault.Create(ctx, journalKey(rec.id, p))
	if err != nil {
		return nil, err
	}
	var salt [saltSize]byte
	rand.Read(salt[:])
	h := newHeader(1, salt)
	c, err := newBlockCipher(k, rec.id, p, h)
	if err != nil {
		return nil, err
	}
	f, err := rec.r.cfg.disk.Create(filepath.Join(rec.dir(), journalFile(p)))
	if err != nil {
		return nil, err
	}
	j, err := newJournal(f, c, h)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// asker gives how a writer asks for a user's key frames.
func (rec *Recording) asker(u identity.UserID) func(media.TrackID) {
	return func(t media.TrackID) {
		if rec.spec.Source == nil {
			return
		}
		if s := rec.spec.Source(u); s != nil {
			s.RequestKeyFrame(t)
		}
	}
}

// abort takes back a recording that could not begin. What can't be taken back, Recover marks failed.
func (rec *Recording) abort(ctx context.Context) {
	rec.halt()
	for _, w := range rec.writers {
		w.j.f.Close()
	}
	if rec.ledger != nil {
		rec.ledger.f.Close()
	}
	os.RemoveAll(rec.dir())
	rec.row.State, rec.row.Ended = StateFailed, rec.row.Started
	if err := rec.r.saveRow(context.WithoutCancel(ctx), rec.key, rec.row, rec.meta); err != nil {
		rec.r.cfg.Log.WarnContext(ctx, "recording that did not begin is not marked", "recording", rec.id, "err", err)
	}
}

// run starts the writers and the committer; Stop waits for them.
func (rec *Recording) run() {
	for _, w := range rec.writers {
		rec.wg.Go(func() { w.run(rec.quit.Done()) })
	}
	rec.wg.Go(rec.commits)
	rec.began.Store(true)
}

func (rec *Recording) commits() {
	t := time.NewTicker(commitEvery)
	defer t.Stop()
	for {
		select {
		case <-rec.quit.Done():
			return
		case <-t.C:
		}
		if rec.checkFence(rec.quit) {
			return
		}
		if err := rec.commit(); err != nil {
			rec.r.cfg.Log.ErrorContext(rec.quit, "manifest can't be written", "recording", rec.id, "err", err)
			rec.fail(err)
			return
		}
	}
}

// fail fails every sink: what the manifest can't commit to is no evidence.
func (rec *Recording) fail(err error) {
	for _, w := range rec.writers {
		w.sink.fail(err)
	}
}

// commit appends the segments that became durable, and the gaps that have closed.
func (rec *Recording) commit() error {
	var b SegmentsBody
	state := map[ParticipantID]Summary{}
	for _, w := range rec.writers {
		if segments, sum := w.j.take(); len(segments) > 0 {
			b.Journals = append(b.Journals, JournalSegments{Participant: w.id, Segments: segments})
			state[w.id] = sum
		}
	}
	if len(b.Journals) == 0 {
		return nil
	}
	if err := rec.ledger.segments(rec.r.cfg.Now(), b, state); err != nil {
		return err
	}
	for _, w := range rec.writers {
		if sum, ok := state[w.id]; ok {
			n, err := rec.ledger.gaps(rec.r.cfg.Now(), w.id, sum.Gaps, rec.gaps[w.id], false)
			if err != nil {
				return err
			}
			rec.gaps[w.id] = n
		}
	}
	return nil
}

// Sink gives where the user's media goes: one for the whole recording, which reconnects use again. It is refused
// with policy.ErrNotFound for others than the participants, and with policy.ErrConsentNeeded until the user's consent
// is known (E2, R6). It is closed by Stop.
func (rec *Recording) Sink(_ context.Context, u identity.UserID) (media.Sink, error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	p, ok := rec.meta.person(u)
	if !ok {
		return nil, fmt.Errorf("open sink: %w", policy.ErrNotFound)
	}
	if p.Consent.Version == "" {
		return nil, fmt.Errorf("open sink: %w", policy.ErrConsentNeeded)
	}
	i := slices.IndexFunc(rec.writers, func(w *writer) bool { return w.id == p.ID })
	return rec.writers[i].sink, nil
}
