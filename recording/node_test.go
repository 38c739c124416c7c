package recording_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
	"parley/signal/media"
)

// run runs the recorder until the test calls what it gives back.
func (s *studio) run(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// elsewhere is another node with a disk of its own, at the moment after this one's was lost: rows and objects are as
// they are now.
func (s *studio) elsewhere(t *testing.T, node string) *studio {
	t.Helper()
	c := &studio{dir: t.TempDir(), store: s.store.Clone(), bucket: s.bucket.Clone(), vault: s.vault, mux: s.mux}
	c.again(adopting(node))
	return c
}

// adopting configures a node on which no other one lives.
func adopting(node string) func(*recording.Config) {
	return func(c *recording.Config) {
		c.Node, c.AdoptAfter = node, 10*time.Second
		recording.WithDisk(c, lazy{recording.RealDisk})
		c.Alive = func(context.Context, string) (bool, error) { return false, nil }
	}
}

// until runs the recorder in the time of the test until the condition holds.
func (s *studio) until(t *testing.T, done func() bool) {
	t.Helper()
	end := s.run(t)
	defer end()
	for range 1000 {
		synctest.Wait()
		if done() {
			return
		}
		bubble.Pass(500 * time.Millisecond)
	}
	t.Fatal("it never happened")
}

// adopted has the node adopt the recording, bring it to the bucket, and hand it out, and wants all of that intact.
func (s *studio) adopted(t *testing.T, id recording.ID) (recording.Info, *recording.Report) {
	t.Helper()
	s.until(t, func() bool { return uploaded(s, id) })
	i, err := s.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "bundle")
	if err := s.ExportDir(t.Context(), id, dir); err != nil {
		t.Fatal(err)
	}
	r := s.verify(t, os.DirFS(dir))
	wantIntact(t, r)
	if i.Head.Head != r.Head {
		t.Errorf("the row's head is %s, the bundle's %s", i.Head.Head, r.Head)
	}
	return i, r
}

// slow makes each call of the bucket take so long.
func slow(d time.Duration) func(context.Context, recordingtest.Call, recordingtest.Key) error {
	return func(ctx context.Context, _ recordingtest.Call, _ recordingtest.Key) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestALostDiskCostsFiveSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.bucket.Before = slow(400 * time.Millisecond)
		defer s.run(t)()
		rec := s.start(t)
		var worst time.Duration
		for n := range 8 {
			live(t, rec, 4*time.Second+time.Duration(n)*370*time.Millisecond)
			lost := time.Since(rec.Started())
			i, r := s.elsewhere(t, "n2").adopted(t, rec.ID())
			if i.State != recording.StateRecovered || r.Reason != recording.Adopted {
				t.Errorf("state %s, reason %s", i.State, r.Reason)
			}
			for _, p := range i.Participants {
				worst = max(worst, lost-p.Start-p.Duration)
				if k := len(p.Gaps); k != 1 || p.Gaps[0].Reason != recording.Gone || p.Gaps[0].From != p.Start+p.Duration {
					t.Errorf("gaps %+v, want one from the last packet on", p.Gaps)
				}
			}
			if len(r.Gaps) != 2 || r.Gaps[0].Reason != "node" {
				t.Errorf("the manifest has gaps %+v", r.Gaps)
			}
		}
		if t.Logf("at most %v were lost", worst); worst > 5*time.Second {
			t.Errorf("%v were lost", worst)
		}
		stop(t, rec)
	})
}

func TestWhatWasSealedIsAdoptedAsItWasSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		s.bucket.Before = finalsFail
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 10*time.Second)
		head := stop(t, rec)
		bubble.Pass(time.Second)
		n2 := s.elsewhere(t, "n2")
		end()
		i, r := n2.adopted(t, rec.ID())
		if i.Head.Head != head.Head || r.Reason != recording.Stopped || i.State != recording.StateSealed {
			t.Errorf("head %s, %s, %s; want %s, as it was stopped", i.Head.Head, r.Reason, i.State, head.Head)
		}
		if len(r.Gaps) != 0 {
			t.Errorf("gaps %+v", r.Gaps)
		}
	})
}

// finalsFail is a store that takes parts and nothing else.
func finalsFail(_ context.Context, c recordingtest.Call, key recordingtest.Key) error {
	if c == recordingtest.Put && strings.HasPrefix(string(key), "recording/") {
		return recordingtest.ErrInjected
	}
	return nil
}

func TestAQuickRestartKeepsTheNodesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 7*time.Second)
		killed := time.Since(rec.Started())
		back := s.fork(t)
		back.bucket = s.bucket.Clone()
		n2 := &studio{dir: t.TempDir(), store: back.store, bucket: back.bucket, vault: s.vault}
		n2.again(adopting("n2"))
		defer n2.run(t)()
		bubble.Pass(8 * time.Second) // less than AdoptAfter
		back.again(nil)
		if i := back.recovered(t, rec.ID(), killed); i.Participants[0].Gaps[0].Reason != media.Crash {
			t.Errorf("gaps %+v", i.Participants[0].Gaps)
		}
		stop(t, rec)
		end()
	})
}

func TestWithoutAnyPartTheRecordingFailsAndItsNodeTakesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		rec := s.start(t) // Run does not run: nothing leaves the node
		live(t, rec, 5*time.Second)
		back := s.fork(t)
		stop(t, rec)
		n2 := back.elsewhere(t, "n2")
		n2.until(t, func() bool {
			i, err := n2.Info(t.Context(), rec.ID())
			return err == nil && i.State == recording.StateFailed && i.Why != ""
		})
		back.store, back.bucket = n2.store, n2.bucket
		back.again(nil)
		i, r := back.adopted(t, rec.ID())
		if i.State != recording.StateRecovered || r.Reason != recording.Recovered {
			t.Errorf("state %s, reason %s", i.State, r.Reason)
		}
		if last := i.Participants[0].Start + i.Participants[0].Duration; last < 4750*time.Millisecond {
			t.Errorf("kept up to %v", last)
		}
	})
}

func TestAnAdoptedRecordingStopsWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		defer s.run(t)()
		rec := s.start(t)
		live(t, rec, 5*time.Second)
		if err := s.store.Adopt(t.Context(), rec.ID(), "n2", 1); err != nil {
			t.Fatal(err)
		}
		sink := sinkOf(t, rec, alice)
		select {
		case <-sink.Failed():
		case <-time.After(4 * time.Second):
			t.Fatal("the sink goes on")
		}
		wantFenced(t, sink.Err())
		_, err := rec.Stop(t.Context(), "hangup")
		wantFenced(t, err)
		bubble.Pass(time.Minute)
		if row, err := s.store.Get(t.Context(), rec.ID()); err != nil || row.Node != "n2" || row.State != recording.StateRecording {
			t.Errorf("the row is %+v, %v", row, err)
		}
		left, err := filepath.Glob(filepath.Join(s.dir, string(rec.ID())+"*", "p1.journal"))
		if err != nil || len(left) != 1 {
			t.Errorf("kept %v, %v; want the journal", left, err)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(left[0]), "head.json")); err == nil {
			t.Error("a second head was signed")
		}
	})
}

// TestPartsTellNothing looks for names in what leaves the node.
func TestPartsTellNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		defer s.run(t)()
		rec := s.start(t)
		live(t, rec, 7*time.Second)
		keys := s.bucket.Keys()
		if len(keys) < 2 {
			t.Fatalf("%d parts only", len(keys))
		}
		for _, k := range keys {
			b := string(s.bucket.Object(k))
			header := b[:12+binary.BigEndian.Uint32([]byte(b[8:]))] // what follows is what the files hold
			for _, word := range []string{string(alice), string(bob), string(rec.ID()), "journal", "manifest", "offset"} {
				if strings.Contains(string(k), word) || strings.Contains(header, word) {
					t.Errorf("%s tells %q", k, word)
				}
			}
			if !strings.HasPrefix(string(k), "part/") || strings.Contains(b, string(alice)) || strings.Contains(b, string(bob)) {
				t.Errorf("%s tells too much", k)
			}
		}
		stop(t, rec)
	})
}

func TestPartsComeAtMomentsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		var moments []time.Duration
		began := time.Now()
		s.bucket.Before = func(_ context.Context, c recordingtest.Call, _ recordingtest.Key) error {
			if c == recordingtest.Put {
				moments = append(moments, time.Since(began))
			}
			return nil
		}
		s.again(func(c *recording.Config) { c.PartsAtOnce = 1 }) // one at a time may append
		end := s.run(t)
		for range 12 {
			s.start(t)
		}
		bubble.Pass(3500 * time.Millisecond)
		synctest.Wait()
		if len(moments) < 12 {
			t.Fatalf("%d parts", len(moments))
		}
		slices.Sort(moments)
		if n := len(slices.Compact(slices.Clone(moments))); n < 4 {
			t.Errorf("12 recordings came at %d moments: %v", n, moments)
		}
		end()
	})
}

func wantFenced(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, recording.ErrFenced) {
		t.Errorf("got %v, want fenced", err)
	}
}
