package fs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"parley/storage/object"
	"parley/storage/object/objecttest"
)

func TestBucketKeepsTheContract(t *testing.T) {
	objecttest.Bucket(t, func(t *testing.T) objecttest.Opener {
		dir := t.TempDir()
		var b *Bucket
		return func() object.Bucket {
			if b != nil {
				b.Close()
			}
			b = openTest(t, dir)
			return b
		}
	})
}

func openTest(t *testing.T, dir string) *Bucket {
	t.Helper()
	b, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestAFolderIsOpenOnceAtATime(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir)
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("second Open: %v", err)
	}
	b.Close()
	if err := b.Put(t.Context(), "k", nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("put after Close: %v, want %v", err, ErrClosed)
	}
	openTest(t, dir)
}

func TestObjectsAreForTheirOwnerOnly(t *testing.T) {
	b := openTest(t, t.TempDir())
	if err := b.Put(t.Context(), "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	path := b.path("a/b")
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

var errDisk = errors.New("disk: broken")

// faults are the ways in which a put goes wrong: before it took effect, or after.
var faults = map[string]func(*disk){
	"write fails": func(d *disk) { d.writer = func(f *os.File) io.Writer { return &halting{f, 10, errDisk} } },
	"sync fails":  func(d *disk) { d.sync = func(*os.File) error { return errDisk } },
	"link fails":  func(d *disk) { d.link = func(string, string) error { return errDisk } },
	"link fails but persisted": func(d *disk) {
		link := d.link
		d.link = func(a, b string) error { return errors.Join(link(a, b), errDisk) }
	},
	"folder sync fails":           func(d *disk) { d.syncDir = func(string) error { return errDisk } },
	"only the upper folder fails": func(d *disk) { d.syncDir = failAt("objects", d.syncDir) },
}

// halting writes so many bytes and then fails.
type halting struct {
	w    io.Writer
	left int
	err  error
}

func (h *halting) Write(p []byte) (int, error) {
	n, _ := h.w.Write(p[:min(len(p), h.left)])
	if h.left -= n; n < len(p) {
		return n, h.err
	}
	return n, nil
}

func failAt(name string, sync func(string) error) func(string) error {
	return func(dir string) error {
		if filepath.Base(dir) == name {
			return errDisk
		}
		return sync(dir)
	}
}

func TestAPutThatFailedMayBeRepeated(t *testing.T) {
	body := []byte("the body of the object")
	for fault, breakIt := range faults {
		for _, restart := range []bool{false, true} {
			t.Run(fault, func(t *testing.T) {
				dir := t.TempDir()
				b := openTest(t, dir)
				good := b.disk
				breakIt(&b.disk)
				if err := b.Put(t.Context(), "a/b", body); !errors.Is(err, errDisk) {
					t.Fatalf("put on a broken disk: %v", err)
				}
				// Only an object whose name and folders were synced may pass for stored the second time.
				if err := b.Put(t.Context(), "a/b", body); err == nil && fault != "link fails but persisted" {
					t.Fatal("a repeated put on a broken disk succeeded")
				}
				b.disk = good
				wantWholeOrNothing(t, b, "a/b", body)
				wantEmpty(t, b.tmp())
				if restart {
					b.Close()
					b = openTest(t, dir)
				}
				if err := b.Put(t.Context(), "a/b", body); err != nil {
					t.Fatal(err)
				}
				b.Close()
				wantWhole(t, openTest(t, dir), "a/b", body)
			})
		}
	}
}

func TestAFullDiskLeavesWhatWasThere(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		b := openTest(t, t.TempDir())
		if err := b.Put(t.Context(), "old", []byte("old")); err != nil {
			t.Fatal(err)
		}
		good := b.disk
		b.disk.writer = func(f *os.File) io.Writer {
			return &halting{f, 5, &os.PathError{Op: "write", Path: f.Name(), Err: errno}}
		}
		if err := b.Put(t.Context(), "new", []byte("more than five")); !errors.Is(err, object.ErrFull) {
			t.Fatalf("error %v, want %v", err, object.ErrFull)
		}
		b.disk = good
		wantWhole(t, b, "old", []byte("old"))
		wantEmpty(t, b.tmp())
		if err := b.Put(t.Context(), "new", []byte("more than five")); err != nil {
			t.Fatalf("once there is room again: %v", err)
		}
	}
}

func TestOpenRemovesWhatACrashLeftHalfWritten(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir)
	b.Close()
	if err := os.WriteFile(filepath.Join(b.tmp(), "put-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, openTest(t, dir).tmp())
}

func TestDamageIsFound(t *testing.T) {
	body := []byte("the body of the object")
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[3] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"empty":   func(b []byte) []byte { return nil },
		"magic":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			b := openTest(t, t.TempDir())
			if err := b.Put(t.Context(), "k", body); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(b.path("k"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.path("k"), damage(file), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := b.Put(t.Context(), "k", body); err == nil || errors.Is(err, object.ErrConflict) {
				t.Errorf("putting the same bytes over a damaged object: %v", err)
			}
		})
	}
}

func TestDeleteLeavesNoEmptyFolders(t *testing.T) {
	b := openTest(t, t.TempDir())
	for _, key := range []object.Key{"a/b/c", "a/d"} {
		if err := b.Put(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []object.Key{"a/b/c", "a/d"} {
		if err := b.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	wantEmpty(t, b.objects())
}

func wantWhole(t *testing.T, b *Bucket, key object.Key, body []byte) {
	t.Helper()
	r, err := b.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, body) {
		t.Errorf("body %q, %v; want %q", got, err, body)
	}
	if info, err := b.Stat(t.Context(), key); err != nil || info.SHA256 != sha256.Sum256(body) {
		t.Errorf("hash is wrong, or %v", err)
	}
}

func wantWholeOrNothing(t *testing.T, b *Bucket, key object.Key, body []byte) {
	t.Helper()
	if _, err := b.Stat(t.Context(), key); errors.Is(err, object.ErrNotFound) {
		return
	}
	wantWhole(t, b, key, body)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
		t.Errorf("%s holds %v, %v; want nothing", filepath.Base(dir), found, err)
	}
}
