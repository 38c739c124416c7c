package recording_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
)

// TestAKillAtAnyStepOfAnAdoptionDoesNoHarm kills the adopting node at each step. Then it comes back, or is gone for good
// and a third one adopts: what was signed stays the only head that was.
func TestAKillAtAnyStepOfAnAdoptionDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		defer s.run(t)()
		rec := s.start(t)
		defer stop(t, rec)
		live(t, rec, 5*time.Second)
		lost := s.elsewhere(t, "n2")
		for n := 0; ; n++ {
			f := lost.elsewhere(t, "n2")
			k := newKill(n)
			f.again(k.config(f, "n2"))
			f.untilKilled(t, k, func() bool { return uploaded(f, rec.ID()) && len(f.bucket.Keys()) == 4 })
			died := k.dead()
			f.revive("n2")
			before, err := f.Info(t.Context(), rec.ID())
			if err != nil {
				t.Fatal(err)
			}
			node, name := f, "it comes back"
			if n/2%2 == 1 { // steps are pairs: without effect, with it
				node, name = f.elsewhere(t, "n3"), "it is gone"
			}
			i, r := node.adopted(t, rec.ID())
			if before.Head.Head != "" && i.Head.Head != before.Head.Head {
				t.Errorf("killed at step %d, %s: another head was signed", n, name)
			}
			if len(r.Gaps) != 2 || r.Reason != recording.Adopted {
				t.Errorf("killed at step %d, %s: gaps %+v, ended %s", n, name, r.Gaps, r.Reason)
			}
			if !died {
				if t.Logf("%d steps", n); n < 40 {
					t.Fatalf("the adoption took %d steps only", n)
				}
				return
			}
		}
	})
}

// TestOfSeveralNodesOneAdopts lets three notice the death at once.
func TestOfSeveralNodesOneAdopts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 7*time.Second)
		n2 := s.elsewhere(t, "n2")
		for _, name := range []string{"n2", "n3", "n4"} {
			n := &studio{dir: t.TempDir(), store: n2.store, bucket: n2.bucket, vault: s.vault}
			n.again(func(c *recording.Config) {
				adopting(name)(c)
				c.Alive = func(_ context.Context, node string) (bool, error) { return node != "local", nil }
			})
			defer n.run(t)()
		}
		bubble.Pass(30 * time.Second)
		row, err := n2.store.Get(t.Context(), rec.ID())
		if err != nil || !row.Stored || row.Epoch != 2 {
			t.Errorf("the row is stored: %v, of epoch %d, %v; want it stored after one adoption", row.Stored, row.Epoch, err)
		}
		stop(t, rec)
		end()
	})
}

// TestAPartThatComesLateIsNoGap has the network hold a part back until the recording was adopted: nobody takes the
// adopted recording for another one because of it.
func TestAPartThatComesLateIsNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStudio(t)
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 9*time.Second)
		n2 := s.elsewhere(t, "n2")
		n2.bucket.Before = finalsFail
		live(t, rec, 4*time.Second)
		n2.until(t, func() bool {
			i, err := n2.Info(t.Context(), rec.ID())
			return err == nil && i.State == recording.StateRecovered
		})
		before, err := n2.Info(t.Context(), rec.ID())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range s.bucket.Keys() { // what came after n2 had looked
			b := s.bucket.Object(k)
			if err := n2.bucket.PutFile(t.Context(), k, reader(b), int64(len(b))); err != nil {
				t.Fatal(err)
			}
		}
		if i, _ := n2.elsewhere(t, "n3").adopted(t, rec.ID()); i.Head.Head != before.Head.Head {
			t.Error("another head was signed")
		}
		stop(t, rec)
		end()
	})
}

// TestANodeThatDiesWhileItUploadsLosesNothing has some final objects in the bucket, and no part at all.
func TestANodeThatDiesWhileItUploadsLosesNothing(t *testing.T) {
	for objects := range 6 {
		synctest.Test(t, func(t *testing.T) {
			s := newStudio(t)
			s.again(func(c *recording.Config) { c.UploadEvery = -1 })
			rec := s.start(t)
			live(t, rec, 5*time.Second)
			head := stop(t, rec)
			n := 0
			s.bucket.Fault = func(recordingtest.Key) recordingtest.Fault {
				if n++; n > objects {
					return recordingtest.Fails
				}
				return recordingtest.None
			}
			end := s.run(t)
			bubble.Pass(time.Second)
			n2 := s.elsewhere(t, "n2")
			end()
			switch objects {
			case 4, 5:
				if i, _ := n2.adopted(t, rec.ID()); i.Head.Head != head.Head {
					t.Errorf("%d objects: another head", objects)
				}
			case 3: // all but the head, which the row has
				if i, _ := n2.adopted(t, rec.ID()); i.Head.Head != head.Head || i.State != recording.StateSealed {
					t.Errorf("%d objects: another head, %s", objects, i.State)
				}
			default: // no manifest: the journals can't be read without it
				n2.until(t, func() bool {
					i, err := n2.Info(t.Context(), rec.ID())
					return err == nil && i.State == recording.StateFailed
				})
			}
		})
	}
}

// TestAHeadOfWhichTheRestIsLostIsNamed stops a recording while the store is away, and loses the disk.
func TestAHeadOfWhichTheRestIsLostIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := newStudio(t), &puts{took: map[recordingtest.Key]int{}}
		s.bucket.Before = p.before
		end := s.run(t)
		rec := s.start(t)
		live(t, rec, 13*time.Second)
		p.away.Store(true)
		live(t, rec, 12*time.Second)
		receipt := stop(t, rec)
		n2 := s.elsewhere(t, "n2")
		end()
		i, r := n2.adopted(t, rec.ID())
		if i.State != recording.StateRecovered || r.Reason != recording.Adopted {
			t.Errorf("state %s, reason %s", i.State, r.Reason)
		}
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := n2.ExportDir(t.Context(), rec.ID(), dir); err != nil {
			t.Fatal(err)
		}
		held := n2.verify(t, os.DirFS(dir), receipt)
		if len(held.Findings) != 1 || held.Findings[0].Class != recording.Truncated {
			t.Errorf("held against the receipt: %+v", held.Findings)
		}
	})
}

func reader(b []byte) *bytes.Reader { return bytes.NewReader(b) }
