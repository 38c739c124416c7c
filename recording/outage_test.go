package recording_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
)

// lazy is the operating system's disk without waiting for it, so that an hour of the test passes in seconds.
type lazy struct{ recording.Disk }

type lazyFile struct{ recording.File }

func (lazyFile) Sync() error { return nil }

func (lazy) SyncDir(string) error { return nil }

func (l lazy) Create(path string) (recording.File, error) {
	f, err := l.Disk.Create(path)
	return lazyFile{f}, err
}

func (l lazy) Open(path string) (recording.File, error) {
	f, err := l.Disk.Open(path)
	return lazyFile{f}, err
}

// puts counts what a bucket took, and lets it be away.
type puts struct {
	away atomic.Bool

	mu   sync.Mutex
	took map[recordingtest.Key]int
}

func (p *puts) before(_ context.Context, c recordingtest.Call, key recordingtest.Key) error {
	if p.away.Load() {
		return recordingtest.ErrInjected
	}
	if c == recordingtest.Put {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.took[key]++
	}
	return nil
}

// TestWithTheStoreAwayForAnHourNothingIsLost records on while nothing can be uploaded.
func TestWithTheStoreAwayForAnHourNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, metrics := newStudio(t), &puts{took: map[recordingtest.Key]int{}}, prometheus.NewRegistry()
		s.bucket.Before = p.before
		s.again(func(c *recording.Config) {
			recording.WithDisk(c, lazy{recording.RealDisk})
			c.MaxPart, c.Metrics = 1, metrics // the least that there is
		})
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 5*time.Second)
		p.away.Store(true)
		for range 60 {
			live(t, rec, 500*time.Millisecond)
			bubble.Pass(time.Minute)
		}
		if sinkOf(t, rec, alice).Err() != nil {
			t.Fatal("the sink failed")
		}
		if age := metric(t, metrics, "parley_recording_backlog_oldest_seconds"); age < 3590 || age > 3640 {
			t.Errorf("the oldest has waited for %v s", age)
		}
		if n := metric(t, metrics, "parley_recording_backlog_parts"); n < 20 || metric(t, metrics, "parley_recording_backlog_bytes") < (n-1)*65536 {
			t.Errorf("%v parts wait, %v bytes", n, metric(t, metrics, "parley_recording_backlog_bytes"))
		}
		p.away.Store(false)
		live(t, rec, 5*time.Second)
		lost := time.Since(rec.Started())
		if n := metric(t, metrics, "parley_recording_backlog_parts"); n > 3 {
			t.Errorf("%v parts still wait", n)
		}
		i, r := s.elsewhere(t, "n2").adopted(t, rec.ID())
		if last := i.Participants[0].Start + i.Participants[0].Duration; lost-last > 5*time.Second || len(r.Gaps) != 2 {
			t.Errorf("lost at %v, kept up to %v, gaps %+v", lost, last, r.Gaps)
		}
		for key, n := range p.took {
			if n > 1 {
				t.Errorf("%s was put %d times", key, n)
			}
		}
		stop(t, rec)
		end()
		s.until(t, func() bool { return uploaded(s, rec.ID()) && len(s.bucket.Keys()) == 4 })
		s.wantExported(t, rec.ID())
		if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

func metric(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestAPartOfUnknownOutcomeIsPutAgainAsItWas lets the put of one part fail, before or after it took effect, then goes
// on, restarts the node, or loses it: nothing is missing and nothing conflicts.
func TestAPartOfUnknownOutcomeIsPutAgainAsItWas(t *testing.T) {
	for _, fault := range []recordingtest.Fault{recordingtest.Fails, recordingtest.FailsButPersisted} {
		for part := range 3 {
			synctest.Test(t, func(t *testing.T) { unknownOutcome(t, fault, part) })
		}
	}
}

func unknownOutcome(t *testing.T, fault recordingtest.Fault, part int) {
	s := newStudio(t)
	var calls atomic.Int64
	s.bucket.Fault = func(recordingtest.Key) recordingtest.Fault {
		if n := int(calls.Add(1)) - 1; n == part {
			return fault
		}
		return recordingtest.None
	}
	end := s.run(t)
	rec := s.start(t)
	for int(calls.Load()) <= part {
		live(t, rec, 100*time.Millisecond)
	}
	atFault, killed := s.fork(t), time.Since(rec.Started())
	atFault.bucket = s.bucket.Clone()
	lostThen := s.elsewhere(t, "n2")
	live(t, rec, 7*time.Second)
	lost := time.Since(rec.Started())
	lostLater := s.elsewhere(t, "n2")

	i, _ := lostLater.adopted(t, rec.ID())
	if last := i.Participants[0].Start + i.Participants[0].Duration; lost-last > 5*time.Second {
		t.Errorf("fault %d at part %d: lost at %v, kept up to %v", fault, part, lost, last)
	}
	if part > 0 || fault == recordingtest.FailsButPersisted {
		lostThen.adopted(t, rec.ID())
	}
	atFault.again(nil) // a restart
	atFault.recovered(t, rec.ID(), killed)
	atFault.adopted(t, rec.ID())
	stop(t, rec)
	end()
}

// TestOneThatHangsHoldsUpNoOther has the store never answer for one of three recordings.
func TestOneThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.again(func(c *recording.Config) { c.PartsAtOnce = 2 })
		var mu sync.Mutex
		var stuck recordingtest.Key
		s.bucket.Before = func(ctx context.Context, c recordingtest.Call, key recordingtest.Key) error {
			mu.Lock()
			if stuck == "" {
				stuck = key
			}
			hangs := key == stuck
			mu.Unlock()
			if hangs {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		end := s.run(t)
		recs := []*recording.Recording{s.start(t), s.start(t), s.start(t)}
		var wg sync.WaitGroup
		for _, rec := range recs {
			wg.Go(func() { live(t, rec, 30*time.Second) })
		}
		wg.Wait()
		if n := len(s.bucket.Keys()); n < 18 || n > 24 {
			t.Errorf("%d parts of the other two in 30 s", n)
		}
		for _, rec := range recs {
			stop(t, rec)
		}
		end()
	})
}

// TestPartsGoBeforeLargeUploads has the store never answer for sealed recordings.
func TestPartsGoBeforeLargeUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		for range 6 { // more than are uploaded at once
			rec := s.start(t)
			live(t, rec, time.Second)
			stop(t, rec)
		}
		var parts atomic.Int64
		s.bucket.Before = func(ctx context.Context, c recordingtest.Call, key recordingtest.Key) error {
			if filepath.Dir(string(key)) == "recording" {
				<-ctx.Done()
				return ctx.Err()
			}
			if c == recordingtest.Put {
				parts.Add(1)
			}
			return nil
		}
		end := s.run(t)
		rec := s.start(t)
		bubble.Pass(time.Second)
		synctest.Wait()
		before := parts.Load()
		live(t, rec, 30*time.Second)
		if n := parts.Load() - before; n < 9 || before < 6 {
			t.Errorf("%d parts of what was sealed, %d of what runs", before, n)
		}
		stop(t, rec)
		end()
	})
}

func TestLargeFilesAreSeveralObjects(t *testing.T) {
	s, id := filmed(t)
	s.again(func(c *recording.Config) { c.MaxObject = 100_000 })
	local := derived(t, s, id, alice)
	s.runUntil(t, func() bool { return uploaded(s, id) })
	if n := len(s.bucket.Keys()); n < 8 {
		t.Errorf("%d objects", n)
	}
	for _, k := range s.bucket.Keys() {
		if n := len(s.bucket.Object(k)); n > 100_000 && filepath.Dir(string(k)) == "recording" {
			t.Errorf("an object of %d bytes", n)
		}
	}
	s.again(nil)
	if string(derived(t, s, id, alice)) != string(local) {
		t.Error("another file from the bucket")
	}
	s.wantExported(t, id)
}

func TestAStoreThatKeepsPartsIsAsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.bucket.Locked = true
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 5*time.Second)
		stop(t, rec)
		end()
		s.until(t, func() bool { return uploaded(s, rec.ID()) })
		s.wantExported(t, rec.ID())
		if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// TestAKillAtAnyStepOfTheUploadLosesNothing lets every call to store, bucket and disk fail from the n-th on, as a kill
// would, then starts the node again.
func TestAKillAtAnyStepOfTheUploadLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newStudio(t), &puts{took: map[recordingtest.Key]int{}}
		s.bucket.Before = p.before
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 7*time.Second)
		p.away.Store(true)
		stop(t, rec)
		end()
		s.bucket.Before = nil
		for n := 0; ; n++ {
			f := s.fork(t)
			f.bucket = s.bucket.Clone()
			k := newKill(n)
			f.again(k.config(f, "local"))
			f.untilKilled(t, k, func() bool { return uploaded(f, rec.ID()) && len(f.bucket.Keys()) == 4 })
			died := k.dead()
			f.revive("local")
			f.until(t, func() bool { return uploaded(f, rec.ID()) && len(f.bucket.Keys()) == 4 })
			f.wantExported(t, rec.ID())
			if left, err := os.ReadDir(f.dir); err != nil || len(left) != 0 {
				t.Errorf("killed at step %d: left %v, %v", n, left, err)
			}
			if !died {
				if n < 10 {
					t.Fatalf("the upload took %d steps only", n)
				}
				return
			}
		}
	})
}
