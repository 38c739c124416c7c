package recording_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
	"parley/signal/media"
	"parley/storage/object"
)

// live gives alice and bob sound and picture as time goes by, for d.
func live(t *testing.T, rec *recording.Recording, d time.Duration) {
	t.Helper()
	a, b := sinkOf(t, rec, alice), sinkOf(t, rec, bob)
	from := time.Since(rec.Started())
	items := recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(from, from+d)}.Items()
	items = append(items, recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8),
		Frames: recordingtest.Picture(from, from+d, 2000, 50)}.Items()...)
	slices.SortStableFunc(items, func(x, y recordingtest.Item) int { return int(x.At - y.At) })
	for _, i := range items {
		<-time.After(i.At - time.Since(rec.Started()))
		one := []recordingtest.Item{i}
		recordingtest.Play(a, rec.Started(), one)
		recordingtest.Play(b, rec.Started(), one)
	}
}

// recovered recovers the folder and wants one intact recording of which nothing before the kill is missing but what
// had not been written yet.
func (s *studio) recovered(t *testing.T, id recording.ID, killed time.Duration) recording.Info {
	t.Helper()
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.verify(t, os.DirFS(s.folder(id)))
	wantIntact(t, r)
	i, err := s.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if i.State != recording.StateRecovered || r.Reason != recording.Recovered || i.Head.Head != r.Head {
		t.Errorf("state %s, reason %s", i.State, r.Reason)
	}
	for _, p := range i.Participants {
		if last := p.Start + p.Duration; killed-last > 250*time.Millisecond {
			t.Errorf("killed at %v, kept up to %v", killed, last)
		}
		if n := len(p.Gaps); n == 0 || p.Gaps[n-1].Reason != media.Crash {
			t.Errorf("gaps %+v, want one for the crash", p.Gaps)
		}
	}
	return i
}

func TestAKillAtAnyMomentLosesAQuarterSecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		r := rand.New(rand.NewPCG(1, 1))
		for range 12 {
			live(t, rec, time.Duration(r.Int64N(int64(4*time.Second))))
			killed := time.Since(rec.Started())
			s.fork(t).recovered(t, rec.ID(), killed)
		}
		stop(t, rec)
	})
}

func TestWhatAPowerCutTearsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		live(t, rec, 15*time.Second)
		r := rand.New(rand.NewPCG(2, 2))
		known := committed(t, s.folder(rec.ID()))
		for range 25 {
			f := s.fork(t)
			for p, end := range known {
				path := filepath.Join(f.folder(rec.ID()), p)
				size := fileSize(t, path)
				cut := end + r.Int64N(size-end+1)
				if err := os.Truncate(path, cut); err != nil {
					t.Fatal(err)
				}
				if r.IntN(2) == 0 { // the file system had given it room, but not the bytes
					appendTo(t, path, make([]byte, r.IntN(5000)))
				}
			}
			f.recovered(t, rec.ID(), 0)
		}
		stop(t, rec)
	})
}

func TestATornManifestEntryIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		live(t, rec, 15*time.Second)
		manifest := filepath.Join(s.folder(rec.ID()), "manifest.jsonl")
		all, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		last := len(all) - 1
		for last > 0 && all[last-1] != '\n' {
			last--
		}
		for _, at := range []int{last, last + 1, last + 100, len(all) - 1} {
			f := s.fork(t)
			if err := os.Truncate(filepath.Join(f.folder(rec.ID()), "manifest.jsonl"), int64(at)); err != nil {
				t.Fatal(err)
			}
			f.recovered(t, rec.ID(), time.Since(rec.Started()))
		}
		stop(t, rec)
	})
}

// committed reads how far the manifest of a running recording knows each journal.
func committed(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "manifest.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]int64{"p1.journal": 0, "p2.journal": 0}
	for _, l := range (bundle{"manifest.jsonl": b}).lines() {
		var e recording.Entry
		var body recording.SegmentsBody
		if json.Unmarshal(l, &e) != nil || e.Kind != recording.EntrySegments {
			continue
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatal(err)
		}
		for _, j := range body.Journals {
			for _, s := range j.Segments {
				ends[string(j.Participant)+".journal"] = s.Offset + s.Length
			}
		}
	}
	return ends
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	i, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return i.Size()
}

func appendTo(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsSetAsideAndNeverCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		live(t, rec, 25*time.Second)
		f := s.fork(t)
		stop(t, rec)
		manifest := filepath.Join(f.folder(rec.ID()), "manifest.jsonl")
		b, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		b[20]++ // in the first of several entries
		if err := os.WriteFile(manifest, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := fileSize(t, filepath.Join(f.folder(rec.ID())+".failed", "manifest.jsonl")); got != int64(len(b)) {
			t.Errorf("manifest has %d bytes, had %d", got, len(b))
		}
		if i, err := f.Info(t.Context(), rec.ID()); err != nil || i.State != recording.StateFailed {
			t.Errorf("state %s, %v", i.State, err)
		}
	})
}

// deaf is a store that can't be asked for a row the first time.
type deaf struct {
	recording.Store
	asked atomic.Bool
}

func (d *deaf) Get(ctx context.Context, id recording.ID) (recording.Row, error) {
	if d.asked.CompareAndSwap(false, true) {
		return recording.Row{}, recordingtest.ErrInjected
	}
	return d.Store.Get(ctx, id)
}

// TestAStoreThatDoesNotAnswerCondemnsNothing recovers while the files of a recording that the bucket has are on their way
// out: what can't be looked up is left alone.
func TestAStoreThatDoesNotAnswerCondemnsNothing(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	talk(t, rec, time.Second)
	stop(t, rec)
	row, err := s.store.Get(t.Context(), rec.ID())
	if err != nil {
		t.Fatal(err)
	}
	row.Stored = true
	if err := s.store.Save(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.folder(rec.ID()), "manifest.jsonl")); err != nil {
		t.Fatal(err)
	}
	s.again(func(c *recording.Config) { c.Store = &deaf{Store: s.store} })
	if err := s.Recover(t.Context()); !errors.Is(err, recordingtest.ErrInjected) {
		t.Errorf("recover says %v", err)
	}
	if after, err := s.store.Get(t.Context(), rec.ID()); err != nil || after.State != recording.StateSealed {
		t.Errorf("the recording is %q, %v", after.State, err)
	}
	if err := s.Recover(t.Context()); err != nil || !uploaded(s, rec.ID()) {
		t.Errorf("the second time: %v", err)
	}
}

func TestARowThatWasLostIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		live(t, rec, 2*time.Second)
		f := s.fork(t)
		stop(t, rec)
		f.store = recordingtest.NewStore()
		f.again(nil)
		if i := f.recovered(t, rec.ID(), 2*time.Second); i.Interview != "i1" || len(i.Participants) != 2 {
			t.Errorf("info %+v", i)
		}
	})
}

func TestARecordingThatNeverBeganIsMarkedFailed(t *testing.T) {
	s := newStudio(t)
	row := recording.Row{ID: recording.NewID(), Interview: "i1", Node: "local", Epoch: 1, State: recording.StateRecording,
		Started: time.Now()}
	if err := s.store.Save(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.store.Get(t.Context(), row.ID); err != nil || got.State != recording.StateFailed {
		t.Errorf("state %s, %v", got.State, err)
	}
}

// budget is a disk that fails, with everything on it, after some operations: as a kill would end them, or as one does
// that is full.
type budget struct {
	recording.Disk
	err error

	mu   sync.Mutex
	left int   // operations; negative: without end
	room int64 // bytes that may be reserved or written beyond what is reserved; negative: without end
}

// die makes every later operation fail.
func (d *budget) die() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left = 0
}

type budgetFile struct {
	recording.File
	d        *budget
	reserved int64
}

func (d *budget) spend() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return d.err
	}
	d.left--
	return nil
}

func (d *budget) Create(path string) (recording.File, error) { return d.open(d.Disk.Create(path)) }
func (d *budget) Open(path string) (recording.File, error)   { return d.open(d.Disk.Open(path)) }

func (d *budget) open(f recording.File, err error) (recording.File, error) {
	if err := errors.Join(err, d.spend()); err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return &budgetFile{File: f, d: d}, nil
}

// take gives room up to size.
func (f *budgetFile) take(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.room < 0 || size <= f.reserved {
		return nil
	}
	if size-f.reserved > f.d.room {
		return syscall.ENOSPC
	}
	f.d.room -= size - f.reserved
	f.reserved = size
	return nil
}

func (f *budgetFile) Reserve(size int64) error {
	if err := errors.Join(f.d.spend(), f.take(size)); err != nil {
		return err
	}
	return f.File.Reserve(size)
}

func (f *budgetFile) WriteAt(b []byte, off int64) (int, error) {
	if err := errors.Join(f.d.spend(), f.take(off+int64(len(b)))); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], off) // torn
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *budgetFile) Sync() error { return errors.Join(f.d.spend(), f.File.Sync()) }

func (f *budgetFile) Truncate(n int64) error {
	if err := f.d.spend(); err != nil {
		return err
	}
	return f.File.Truncate(n)
}

var errKilled = errors.New("killed")

func TestRecoveryGoesOnWhereAKillEndedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t)
		live(t, rec, 15*time.Second)
		killed := time.Since(rec.Started())
		before := s.fork(t)
		stop(t, rec)
		for n := 0; ; n++ {
			f := before.fork(t)
			f.again(func(c *recording.Config) {
				recording.WithDisk(c, &budget{Disk: recording.RealDisk, left: n, err: errKilled, room: -1})
			})
			err := f.Recover(t.Context())
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			f.again(nil)
			i := f.recovered(t, rec.ID(), killed)
			if len(i.Participants[0].Gaps) != 1 {
				t.Fatalf("killed at operation %d: gaps %+v, want one", n, i.Participants[0].Gaps)
			}
			if err == nil {
				if n < 8 {
					t.Fatalf("recovery took %d operations only", n)
				}
				return
			}
		}
	})
}

func TestStartOnAFullDiskIsRefused(t *testing.T) {
	for name, change := range map[string]func(*recording.Config){
		"little is free": func(c *recording.Config) { c.MinFree = 1 << 60 },
		"the room can't be reserved": func(c *recording.Config) {
			recording.WithDisk(c, &budget{Disk: recording.RealDisk, left: -1, room: 5 << 20})
		},
	} {
		s := newStudio(t)
		s.again(change)
		_, err := s.Start(t.Context(), spec())
		if !errors.Is(err, recording.ErrNoRoom) || !errors.Is(err, policy.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadDir(s.dir)
		if err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

func TestAFullDiskEndsTheRecordingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.again(func(c *recording.Config) {
			recording.WithDisk(c, &budget{Disk: recording.RealDisk, left: -1, room: 9 << 20})
		})
		rec := s.start(t)
		a, b := sinkOf(t, rec, alice), sinkOf(t, rec, bob)
		failed := func() bool {
			select {
			case <-a.Failed():
				return true
			default:
				return false
			}
		}
		for at := time.Duration(0); !failed(); at += 200 * time.Millisecond {
			if at > time.Minute {
				t.Fatal("the sink never failed")
			}
			items := recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8),
				Frames: recordingtest.Picture(at, at+200*time.Millisecond, 60_000, 50)}.Items()
			recordingtest.Play(a, rec.Started(), items)
			recordingtest.Play(b, rec.Started(), items)
			bubble.Pass(200 * time.Millisecond)
		}
		if !errors.Is(a.Err(), syscall.ENOSPC) {
			t.Errorf("failed with %v", a.Err())
		}
		stop(t, rec)
		r := s.verify(t, os.DirFS(s.folder(rec.ID())))
		wantIntact(t, r)
		if !r.Journals[0].Final || !slices.ContainsFunc(r.Gaps, func(g recording.GapBody) bool { return g.Reason == "storage" }) {
			t.Errorf("journals %+v, gaps %+v", r.Journals, r.Gaps)
		}
	})
}

func TestABrokenDiskFailsTheSinkAndLosesNothingThatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &budget{Disk: recording.RealDisk, left: -1, err: syscall.EIO, room: -1}
		s := newStudio(t)
		s.again(func(c *recording.Config) { recording.WithDisk(c, d) })
		rec := s.start(t)
		live(t, rec, 5*time.Second)
		synctest.Wait()
		d.die()
		live(t, rec, time.Second)
		if a := sinkOf(t, rec, alice); !errors.Is(a.Err(), syscall.EIO) {
			t.Errorf("the sink says %v", a.Err())
		}
		if _, err := rec.Stop(t.Context(), "hangup"); err == nil {
			t.Error("stopped without an error")
		}
		s.again(nil)
		s.recovered(t, rec.ID(), 5*time.Second)
	})
}

func TestAnOverloadedDiskIsAGapThenAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.again(func(c *recording.Config) { c.Buffer = 64 << 10 })
		rec := s.start(t)
		sink := sinkOf(t, rec, alice)
		burst := func(at, d time.Duration) {
			recordingtest.Play(sink, rec.Started(), recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8),
				Frames: recordingtest.Picture(at, at+d, 30_000, 50)}.Items())
		}
		burst(0, 400*time.Millisecond) // 300 KB at once, while the writer waits
		bubble.Pass(time.Second)
		if sink.Err() != nil {
			t.Fatal(sink.Err())
		}
		burst(time.Second, 4*time.Second) // 3 MB, for longer than the patience
		if !errors.Is(sink.Err(), recording.ErrOverload) {
			t.Fatalf("the sink says %v", sink.Err())
		}
		stop(t, rec)
		r := s.verify(t, os.DirFS(s.folder(rec.ID())))
		wantIntact(t, r)
		if n := len(r.Gaps); n != 2 || r.Gaps[0].Reason != "overload" || r.Gaps[0].Packets == 0 {
			t.Errorf("gaps %+v", r.Gaps)
		}
	})
}

// TestFaultsOfStoreAndBucketLoseNothing tries each call that can fail, failing before or after it took effect, then
// lets the recorder run again over what is left.
func TestFaultsOfStoreAndBucketLoseNothing(t *testing.T) {
	for _, fault := range []recordingtest.Fault{recordingtest.Fails, recordingtest.FailsButPersisted} {
		for n := range 8 {
			faultAt(t, fault, n)
		}
	}
}

func faultAt(t *testing.T, fault recordingtest.Fault, n int) {
	t.Helper()
	s := newStudio(t)
	rec := s.start(t)
	talk(t, rec, time.Second)
	var calls atomic.Int64
	next := func() recordingtest.Fault {
		if calls.Add(1) == int64(n)+1 {
			return fault
		}
		return recordingtest.None
	}
	s.store.Fault = func(recording.Row) recordingtest.Fault { return next() }
	s.bucket.Fault = func(object.Key) recordingtest.Fault { return next() }
	_, stopErr := rec.Stop(context.Background(), "hangup")
	if want := n == 0; (stopErr != nil) != want {
		t.Fatalf("fault %d at call %d: stop says %v", fault, n, stopErr)
	}
	s.runUntil(t, func() bool { return calls.Load() > int64(n) || uploaded(s, rec.ID()) })
	s.again(nil)
	s.runUntil(t, func() bool { return uploaded(s, rec.ID()) && len(s.bucket.Keys()) == 4 }) // its part is deleted
	s.wantExported(t, rec.ID())
}

func uploaded(s *studio, id recording.ID) bool {
	row, err := s.store.Get(context.Background(), id)
	_, missing := os.Stat(s.folder(id))
	return err == nil && row.Stored && errors.Is(missing, os.ErrNotExist)
}
