package recording_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/identity"
	"parley/recording"
	"parley/recording/mux"
	"parley/recording/recordingtest"
)

// cutOff records while the network is gone from the middle on: another node adopts what it has, and this one has it all.
func cutOff(t *testing.T) (back *studio, id recording.ID, whole map[identity.UserID][]byte) {
	t.Helper()
	s, p := newStudio(t), &puts{took: map[recordingtest.Key]int{}}
	s.mux, s.bucket.Before = mux.WebM, p.before
	s.again(nil)
	end := s.run(t)
	rec := s.start(t)
	live(t, rec, 8*time.Second)
	p.away.Store(true)
	live(t, rec, 6*time.Second)
	stop(t, rec)
	n2 := s.elsewhere(t, "n2")
	end()
	n2.adopted(t, rec.ID())
	whole = map[identity.UserID][]byte{alice: derived(t, s, rec.ID(), alice), bob: derived(t, s, rec.ID(), bob)}
	back = s.fork(t)
	back.store, back.bucket = n2.store, n2.bucket
	back.again(func(c *recording.Config) { recording.WithDisk(c, lazy{recording.RealDisk}) })
	return back, rec.ID(), whole
}

// handedIn says whether nothing of a recording is left on the studio's disk.
func (s *studio) handedIn() bool {
	left, err := os.ReadDir(s.dir)
	return err == nil && len(left) == 0
}

func TestANodeThatIsBackHandsInItsTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back, id, whole := cutOff(t)
		before, err := back.Info(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		back.until(t, back.handedIn)
		i, r := back.adopted(t, id)
		if i.Head.Head != before.Head.Head || len(r.Gaps) != 2 || r.Gaps[0].Reason != "node" || len(r.Late) != 2 {
			t.Errorf("head %s, gaps %+v, late %+v; want the signed gap and two tails", i.Head.Head, r.Gaps, r.Late)
		}
		for _, p := range i.Participants {
			if p.Late < 13500*time.Millisecond || p.Start+p.Duration > 9*time.Second {
				t.Errorf("%s has media up to %v, then late up to %v", p.User, p.Start+p.Duration, p.Late)
			}
			if !bytes.Equal(derived(t, back, id, p.User), whole[p.User]) {
				t.Errorf("the film of %s is not whole", p.User)
			}
		}
	})
}

func TestAKillWhileATailIsHandedInDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back, id, _ := cutOff(t)
		for n := 0; ; n++ {
			f := back.fork(t)
			f.bucket = back.bucket.Clone()
			k := newKill(n)
			f.again(k.config(f, "local"))
			f.untilKilled(t, k, f.handedIn)
			died := k.dead()
			f.revive("local")
			f.until(t, f.handedIn)
			if _, r := f.adopted(t, id); len(r.Late) != 2 {
				t.Errorf("killed at step %d: late %+v", n, r.Late)
			}
			if n := len(f.bucket.Keys()); n != 7 {
				t.Errorf("%d objects, want 7", n)
			}
			if !died {
				if n < 12 {
					t.Fatalf("handing in took %d steps only", n)
				}
				return
			}
		}
	})
}

func TestWhatWasDoneToATailIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back, id, _ := cutOff(t)
		back.until(t, back.handedIn)
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := back.ExportDir(t.Context(), id, dir); err != nil {
			t.Fatal(err)
		}
		b := bundle{}
		names, err := fs.Glob(os.DirFS(dir), "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if b[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		pub, err := back.vault.PublicKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantIntact(t, back.verify(t, b.fs()))
		for i := range b["late.json"] {
			wantFlipFound(t, b, pub, "late.json", i, 1<<(i%8))
		}
		const tail = "p1.late.journal"
		wantFlipFound(t, b, pub, tail, 1000, 1)
		for name, c := range map[string]struct {
			do    func(bundle)
			file  string
			class recording.Class
		}{
			"a tail removed":       {func(b bundle) { delete(b, tail) }, tail, recording.Removed},
			"its head removed":     {func(b bundle) { delete(b, "late.json") }, tail, recording.Added},
			"a tail cut":           {func(b bundle) { b[tail] = b[tail][:500] }, tail, recording.Truncated},
			"a tail longer":        {func(b bundle) { b[tail] = append(b[tail], 0) }, tail, recording.Added},
			"a tail of nobody":     {func(b bundle) { b["p9.late.journal"] = []byte("x") }, "p9.late.journal", recording.Added},
			"joined to the others": {func(b bundle) { b["p1.journal"] = append(b["p1.journal"], b[tail]...) }, "p1.journal", recording.Added},
		} {
			changed := b.clone()
			c.do(changed)
			r := back.verify(t, changed.fs())
			if !slices.ContainsFunc(r.Findings, func(f recording.Finding) bool { return f.File == c.file && f.Class == c.class }) {
				t.Errorf("%s: want %s of %s, found %+v", name, c.class, c.file, r.Findings)
			}
		}
	})
}
