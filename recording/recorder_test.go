package recording_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
	"parley/signal/media"
	"parley/signal/wire"
	"parley/storage/keys/keystest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The names are long enough not to stand in megabytes of ciphertext by chance.
const (
	alice = identity.UserID("alice-the-candidate")
	bob   = identity.UserID("bob-the-recruiter")
)

// studio is a recorder with everything it needs, over one folder; again gives another recorder over the same, as
// after a restart.
type studio struct {
	dir    string
	store  *recordingtest.MemoryStore
	bucket *recordingtest.MemoryBucket
	vault  *keystest.Memory
	mux    recording.Muxer
	*recording.Recorder
}

func newStudio(t testing.TB) *studio {
	s := &studio{dir: t.TempDir(), store: recordingtest.NewStore(), bucket: recordingtest.NewBucket(), vault: keystest.New()}
	s.again(nil)
	return s
}

func (s *studio) again(change func(*recording.Config)) {
	c := recording.Config{Dir: s.dir, Store: s.store, Bucket: s.bucket, Vault: s.vault, Mux: s.mux, Build: "test"}
	if change != nil {
		change(&c)
	}
	s.Recorder = recording.New(c)
}

// start begins a recording of alice and bob, who both agreed.
func (s *studio) start(t testing.TB) *recording.Recording {
	t.Helper()
	rec, err := s.Start(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func spec() recording.Spec {
	consent := recording.ConsentRecord{Version: "interview-recording@1", At: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	return recording.Spec{Interview: "i1", Participants: []recording.Participant{
		{User: alice, Consent: consent}, {User: bob, Consent: consent}}}
}

func sinkOf(t testing.TB, rec *recording.Recording, u identity.UserID) media.Sink {
	t.Helper()
	s, err := rec.Sink(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// talk gives both sides some seconds of sound and picture, in the time of the test.
func talk(t testing.TB, rec *recording.Recording, d time.Duration) {
	t.Helper()
	for _, u := range []identity.UserID{alice, bob} {
		items := recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(0, d)}.Items()
		items = append(items, recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8),
			Frames: recordingtest.Picture(0, d, 400, 50)}.Items()...)
		recordingtest.Play(sinkOf(t, rec, u), rec.Started(), items)
	}
}

func stop(t testing.TB, rec *recording.Recording) wire.ReceiptHead {
	t.Helper()
	head, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// verify checks a folder with the studio's key.
func (s *studio) verify(t testing.TB, fsys fs.FS, receipts ...wire.ReceiptHead) *recording.Report {
	t.Helper()
	pub, err := s.vault.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.Verify(fsys, pub, receipts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *studio) folder(id recording.ID) string { return filepath.Join(s.dir, string(id)) }

func wantIntact(t testing.TB, r *recording.Report) {
	t.Helper()
	if !r.Intact() {
		t.Fatalf("not intact: %+v", r.Findings)
	}
}

func TestAStoppedRecordingIsIntactAndSaysWhatItHolds(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	talk(t, rec, 3*time.Second)
	head := stop(t, rec)
	r := s.verify(t, os.DirFS(s.folder(rec.ID())), head)
	wantIntact(t, r)
	if r.Reason != recording.Stopped || r.Recording != rec.ID() || r.SelfAttested() || len(r.Journals) != 2 || !r.Journals[0].Final {
		t.Errorf("report %+v", r)
	}
	list, err := s.List(t.Context(), "i1")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d recordings, %v", len(list), err)
	}
	i := list[0]
	if i.State != recording.StateSealed || i.Head.Head != head.Head || i.ID != rec.ID() || len(i.Participants) != 2 {
		t.Errorf("info %+v", i)
	}
	side := i.Participants[1]
	if side.User != bob || len(side.Tracks) != 2 || side.Duration < 2900*time.Millisecond || side.Duration > 3100*time.Millisecond {
		t.Errorf("side %+v", side)
	}
	again, err := rec.Stop(t.Context(), "again")
	if err != nil || again.Head != head.Head {
		t.Errorf("stopping again: %v, %v", again, err)
	}
}

func TestStartIsDurableBeforeMediaFlows(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	copyOf := s.fork(t) // what a kill right after Start leaves
	stop(t, rec)
	if err := copyOf.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := copyOf.verify(t, os.DirFS(copyOf.folder(rec.ID())))
	wantIntact(t, r)
	if r.Reason != recording.Recovered {
		t.Errorf("reason %q", r.Reason)
	}
}

// fork copies the studio's disk and rows as they are at this moment.
func (s *studio) fork(t testing.TB) *studio {
	t.Helper()
	c := &studio{dir: t.TempDir(), store: s.store.Clone(), bucket: recordingtest.NewBucket(), vault: s.vault, mux: s.mux}
	if err := os.CopyFS(c.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	c.again(nil)
	return c
}

func TestSinksAreForParticipantsWhoAgreed(t *testing.T) {
	s := newStudio(t)
	sp := spec()
	sp.Participants[1].Consent = recording.ConsentRecord{}
	rec, err := s.Start(t.Context(), sp)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, rec)
	if _, err := rec.Sink(t.Context(), "carol"); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("stranger: %v", err)
	}
	if _, err := rec.Sink(t.Context(), bob); !errors.Is(err, policy.ErrConsentNeeded) {
		t.Errorf("before consent: %v", err)
	}
	consent := recording.Event{User: bob, Kind: recording.EventConsent, Detail: map[string]string{"version": "interview-recording@1"}}
	if err := rec.Note(t.Context(), consent); err != nil {
		t.Fatal(err)
	}
	sinkOf(t, rec, bob)
	if err := rec.Note(t.Context(), recording.Event{User: bob, Kind: recording.EventWithdrawn}); err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Sink(t.Context(), bob); !errors.Is(err, policy.ErrConsentNeeded) {
		t.Errorf("after withdrawal: %v", err)
	}
}

func TestNothingIsKeptAfterAWithdrawal(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	sink := sinkOf(t, rec, alice)
	recordingtest.Play(sink, rec.Started(), recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(0, time.Second)}.Items())
	if err := rec.Note(t.Context(), recording.Event{User: alice, Kind: recording.EventWithdrawn}); err != nil {
		t.Fatal(err)
	}
	recordingtest.Play(sink, rec.Started(), recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(time.Second, 2*time.Second)}.Items())
	stop(t, rec)
	list, err := s.List(t.Context(), "i1")
	if err != nil {
		t.Fatal(err)
	}
	if got := list[0].Participants[0]; got.Duration != 980*time.Millisecond {
		t.Errorf("kept %v of sound, want 980ms", got.Duration)
	}
}

func TestBadSpecsAreRefused(t *testing.T) {
	s := newStudio(t)
	for name, change := range map[string]func(*recording.Spec){
		"no interview":    func(s *recording.Spec) { s.Interview = "" },
		"no participants": func(s *recording.Spec) { s.Participants = nil },
		"nobody":          func(s *recording.Spec) { s.Participants[0].User = "" },
		"one twice":       func(s *recording.Spec) { s.Participants[0].User = bob },
	} {
		sp := spec()
		change(&sp)
		if _, err := s.Start(t.Context(), sp); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// asked counts requests for key frames.
type asked struct {
	mu sync.Mutex
	n  map[media.TrackID]int
}

func (a *asked) RequestKeyFrame(t media.TrackID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n[t]++
}

func TestKeyFramesAreAskedForAtTheStartOnGapsAndNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newStudio(t), &asked{n: map[media.TrackID]int{}}
		sp := spec()
		sp.Source = func(u identity.UserID) media.Source {
			if u != alice {
				return nil
			}
			return a
		}
		rec, err := s.Start(t.Context(), sp)
		if err != nil {
			t.Fatal(err)
		}
		sink := sinkOf(t, rec, alice)
		sink.Event(media.TrackStarted{At: time.Now(), Track: recordingtest.Microphone(1)})
		sink.Event(media.TrackStarted{At: time.Now(), Track: recordingtest.Camera(2, recordingtest.VP8)})
		wait := func(d time.Duration, want int) {
			t.Helper()
			bubble.Pass(d)
			synctest.Wait()
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.n[1] != 0 || a.n[2] != want {
				t.Fatalf("asked %v, want video %d times", a.n, want)
			}
		}
		wait(200*time.Millisecond, 1)
		for range 3 { // within a second: once
			sink.Event(media.Gap{At: time.Now(), Track: 2, From: 5, To: 6, Reason: media.Loss})
			bubble.Pass(100 * time.Millisecond)
		}
		wait(time.Second, 2)
		wait(31*time.Second, 3)
		stop(t, rec)
	})
}

func TestRunUploadsAndRemovesOnlyWhatIsConfirmed(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	talk(t, rec, time.Second)
	stop(t, rec)
	s.bucket.Wrong = true
	s.runUntil(t, func() bool { return len(s.bucket.Keys()) >= 1 })
	if _, err := os.Stat(s.folder(rec.ID())); err != nil {
		t.Fatal("removed although the bucket gave another hash:", err)
	}
	s.bucket.Wrong = false
	s.again(nil)
	s.runUntil(t, func() bool { _, err := os.Stat(s.folder(rec.ID())); return errors.Is(err, fs.ErrNotExist) })
	s.wantExported(t, rec.ID())
}

// runUntil runs the recorder until the condition holds.
func (s *studio) runUntil(t testing.TB, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never happened")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// wantExported wants the recording to come out whole, wherever it is.
func (s *studio) wantExported(t testing.TB, id recording.ID) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := s.ExportDir(t.Context(), id, dir); err != nil {
		t.Fatal(err)
	}
	wantIntact(t, s.verify(t, os.DirFS(dir)))
}

func TestRunSealsWhatStillRunsWhenItEnds(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	talk(t, rec, time.Second)
	s.runUntil(t, func() bool { return true })
	wantIntact(t, s.verify(t, os.DirFS(s.folder(rec.ID()))))
	if _, err := s.Start(t.Context(), spec()); !errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("start after the end: %v", err)
	}
}
