package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/storage/keys"
)

// tripping makes the disk fail at its nth durable step and at all after it, before the step took effect or after.
func tripping(d *disk, n int, after bool) {
	steps := 0
	trip := func(step func() error) error {
		steps++
		if steps < n {
			return step()
		}
		if after && steps == n {
			return errors.Join(step(), errDisk)
		}
		return errDisk
	}
	good := *d
	d.sync = func(f *os.File) error { return trip(func() error { return good.sync(f) }) }
	d.syncDir = func(dir string) error { return trip(func() error { return good.syncDir(dir) }) }
	d.link = func(from, to string) error { return trip(func() error { return good.link(from, to) }) }
	d.rename = func(from, to string) error { return trip(func() error { return good.rename(from, to) }) }
}

// A rotation, of the root key and then of the signing key, that ends at any durable step leaves a whole vault, with and
// without a restart, and the next call finishes it.
func TestARotationThatWasCutShortIsFinished(t *testing.T) {
	for _, persisted := range []bool{false, true} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("persisted %v, restart %v", persisted, restart), func(t *testing.T) {
				t.Parallel()
				for n := 1; !rotatesFrom(t, n, persisted, restart); n++ {
				}
			})
		}
	}
}

// inMemory is a folder in memory where there is one: what the disk does is tried elsewhere.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "parley-keys-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func rotatesFrom(t *testing.T, n int, persisted, restart bool) (done bool) {
	t.Helper()
	dir := inMemory(t)
	v := openTest(t, dir, Config{})
	want := map[keys.Name]keys.Key{}
	for i := range 4 {
		name := keys.Name(fmt.Sprint("chat/c/u", i))
		key, err := v.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = key
	}
	if err := v.Destroy(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	var err error
	broken(v, func(d *disk) { tripping(d, n, persisted) }, func() {
		if err = v.RotateRoot(t.Context()); err == nil {
			err = v.RotateSigning(t.Context())
		}
	})
	if err != nil && !errors.Is(err, errDisk) {
		t.Fatalf("step %d: %v", n, err)
	}
	v = reopenIf(t, v, dir, restart)
	wantWhole(t, v, want, n)
	if err := errors.Join(v.RotateRoot(t.Context()), v.RotateSigning(t.Context())); err != nil {
		t.Fatalf("after step %d: %v", n, err)
	}
	v = reopenIf(t, v, dir, true)
	wantWhole(t, v, want, n)
	if list, err := v.Generations(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("step %d: generations %v, %v", n, list, err)
	}
	v.Close()
	return err == nil
}

func wantWhole(t *testing.T, v *Vault, want map[keys.Name]keys.Key, step int) {
	t.Helper()
	v.cache.Clear()
	for name, key := range want {
		if got, err := v.Open(t.Context(), name); err != nil || got != key {
			t.Fatalf("step %d: %s: another key or %v", step, name, err)
		}
	}
	if _, err := v.Open(t.Context(), "gone"); !errors.Is(err, keys.ErrDestroyed) {
		t.Fatalf("step %d: %v, want %v", step, err, keys.ErrDestroyed)
	}
}

func TestARotatedFolderHoldsNothingOfTheFormerGeneration(t *testing.T) {
	dir := t.TempDir()
	v := openTest(t, dir, Config{})
	if _, err := v.Create(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := tree(t, dir)
	for path, content := range before {
		if path != "root.key" && content != "" && after[path] == content {
			t.Errorf("%s was not wrapped anew", path)
		}
	}
}

func TestADamagedFileKeepsItsGeneration(t *testing.T) {
	v := openTest(t, t.TempDir(), Config{})
	want, err := v.Create(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	path := v.path(hashOf(t, v, "a"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-1] ^= 1
	os.WriteFile(path, damaged, 0o600)
	if err := v.RotateRoot(t.Context()); err == nil {
		t.Fatal("the rotation dropped a generation that a file needs")
	}
	os.WriteFile(path, whole, 0o600)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.cache.Clear()
	if got, err := v.Open(t.Context(), "a"); err != nil || got != want {
		t.Errorf("another key or %v", err)
	}
}

// A folder that is restored from before a destruction brings the key back; the ledger buries it again.
func TestAKeyDestroyedBeforeARestoreStaysDestroyed(t *testing.T) {
	dir, backup := t.TempDir(), t.TempDir()
	v := openTest(t, dir, Config{})
	if _, err := v.Create(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	v.Close()
	if err := errors.Join(os.CopyFS(backup, os.DirFS(dir)), os.Chmod(filepath.Join(backup, "root.key"), 0o600)); err != nil {
		t.Fatal(err)
	}
	v = openTest(t, dir, Config{})
	if err := v.Destroy(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	var ledger bytes.Buffer
	if n, err := v.ExportTombstones(t.Context(), &ledger, time.Time{}); err != nil || n != 1 {
		t.Fatalf("exported %d, %v", n, err)
	}
	v = openTest(t, backup, Config{})
	if _, err := v.Open(t.Context(), "gone"); err != nil {
		t.Fatalf("the backup does not bring the key back: %v", err)
	}
	if n, err := v.ReplayTombstones(t.Context(), &ledger); err != nil || n != 1 {
		t.Fatalf("followed %d lines, %v", n, err)
	}
	if _, err := v.Create(t.Context(), "gone"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("%v, want %v", err, keys.ErrDestroyed)
	}
}
