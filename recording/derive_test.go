package recording_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/recording"
	"parley/recording/mux"
	"parley/recording/recordingtest"
	"parley/storage/keys"
)

// canary is in every picture, so that a test can look for it.
var canary = []byte("a face that nobody else may see")

// film gives alice a picture with the canary in each frame, and sound.
func film(t testing.TB, rec *recording.Recording, d time.Duration) {
	t.Helper()
	frames := recordingtest.Picture(0, d, 2000, 50)
	for _, f := range frames {
		copy(f.Data[100:], canary)
	}
	items := recordingtest.Stream{Track: recordingtest.Camera(2, recordingtest.VP8), Frames: frames}.Items()
	items = append(items, recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(0, d)}.Items()...)
	recordingtest.Play(sinkOf(t, rec, alice), rec.Started(), items)
}

func filmed(t testing.TB) (*studio, recording.ID) {
	t.Helper()
	s := newStudio(t)
	s.mux = mux.WebM
	s.again(nil)
	rec := s.start(t)
	film(t, rec, 10*time.Second)
	stop(t, rec)
	return s, rec.ID()
}

func derived(t testing.TB, s *studio, id recording.ID, u identity.UserID) []byte {
	t.Helper()
	d, err := s.Derive(t.Context(), id, u)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := io.ReadAll(d)
	if err != nil || int64(len(b)) != d.Size() {
		t.Fatalf("%d bytes of %d, %v", len(b), d.Size(), err)
	}
	return b
}

func TestADerivedFileIsTheSameFromDiskAndFromTheBucket(t *testing.T) {
	s, id := filmed(t)
	local := derived(t, s, id, alice)
	if n := bytes.Count(local, canary); n != 250 {
		t.Errorf("%d pictures, want 250", n)
	}
	s.runUntil(t, func() bool { return uploaded(s, id) })
	s.again(nil)
	if stored := derived(t, s, id, alice); !bytes.Equal(stored, local) {
		t.Error("another file from the bucket")
	}
}

func TestADerivedFileCanBeReadFromAnywhere(t *testing.T) {
	s, id := filmed(t)
	whole := derived(t, s, id, alice)
	d, err := s.Derive(t.Context(), id, alice)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, at := range []int64{0, 1, 65535, 65536, 65537, 200_000, d.Size() - 1} {
		got := make([]byte, 100)
		if _, err := d.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		n, err := io.ReadFull(d, got)
		if want := whole[at:min(at+100, d.Size())]; !bytes.Equal(got[:n], want) || n < 100 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	if end, err := d.Seek(-10, io.SeekEnd); err != nil || end != d.Size()-10 {
		t.Errorf("end %d, %v", end, err)
	}
	if _, err := d.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the start")
	}
}

func TestDerivingIsRefusedToOthersAndWhileItRuns(t *testing.T) {
	s, id := filmed(t)
	rec := s.start(t)
	defer stop(t, rec)
	for name, c := range map[string]struct {
		id   recording.ID
		user identity.UserID
		want error
	}{
		"nobody's recording": {recording.NewID(), alice, policy.ErrNotFound},
		"a stranger":         {id, "carol", policy.ErrNotFound},
		"who sent nothing":   {id, bob, policy.ErrNotFound},
		"one that runs":      {rec.ID(), alice, policy.ErrConflict},
	} {
		if _, err := s.Derive(t.Context(), c.id, c.user); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestDestroyingAKeyErasesOneSideAndTheEvidenceStillVerifies(t *testing.T) {
	s, id := filmed(t)
	if err := s.vault.Destroy(t.Context(), keys.Name("recording/"+string(id)+"/p1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Derive(t.Context(), id, alice); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("derived %v", err)
	}
	s.wantExported(t, id)
	if err := s.vault.Destroy(t.Context(), keys.Name("recording/"+string(id)+"/manifest")); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(t.Context(), "i1"); err != nil || len(list) != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
	wantIntact(t, s.verify(t, os.DirFS(s.folder(id))))
}

func TestNothingIsInClearOnDisk(t *testing.T) {
	s, id := filmed(t)
	d, err := s.Derive(t.Context(), id, alice)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	files := openFiles(t, s.dir)
	if len(files) == 0 {
		t.Log("this system does not show open files; the derived one is not looked at")
	}
	err = filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var total int
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
		for _, word := range []string{string(canary), string(alice), string(bob), "interview", "OpusHead"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(path), word)
			}
		}
	}
	if total < 500_000 || !bytes.Contains(derived(t, s, id, alice), canary) {
		t.Errorf("looked at %d bytes only, or the picture is not there at all", total)
	}
}

// openFiles are the files of this process below dir that have no name any more.
func openFiles(t *testing.T, dir string) []string {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, "(deleted)") {
			list = append(list, fd)
		}
	}
	return list
}

func TestManyWhoAskAtOnceShareOneDerivation(t *testing.T) {
	s, id := filmed(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := s.Derive(t.Context(), id, alice)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if _, err := io.Copy(io.Discard, d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(openFiles(t, s.dir)); n > 1 {
		t.Errorf("%d derived files, want 1", n)
	}
}

func TestDerivedFilesAreForgottenWhenRunEnds(t *testing.T) {
	s, id := filmed(t)
	kept, err := s.Derive(t.Context(), id, alice)
	if err != nil {
		t.Fatal(err)
	}
	s.runUntil(t, func() bool { return true })
	if _, err := io.ReadAll(kept); err != nil {
		t.Errorf("a file in use was closed: %v", err)
	}
	kept.Close()
	kept.Close()
	if n := len(openFiles(t, s.dir)); n != 0 {
		t.Errorf("%d derived files left", n)
	}
}

func TestExportsAreConflictsWhileTheRecordingRuns(t *testing.T) {
	s := newStudio(t)
	rec := s.start(t)
	if err := s.Export(t.Context(), rec.ID(), io.Discard); !errors.Is(err, policy.ErrConflict) {
		t.Errorf("got %v", err)
	}
	stop(t, rec)
	s.wantExported(t, rec.ID())
}
