package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"parley/storage/keys"
)

var errDisk = errors.New("disk: broken")

// faults are the ways in which a step of making a file durable goes wrong: before it took effect, or after.
var faults = map[string]func(*disk){
	"sync fails":                     func(d *disk) { d.sync = func(*os.File) error { return errDisk } },
	"publishing fails":               func(d *disk) { d.link = fail2; d.rename = fail2 },
	"publishing fails but persisted": func(d *disk) { d.link = after(d.link); d.rename = after(d.rename) },
	"folder sync fails":              func(d *disk) { d.syncDir = func(string) error { return errDisk } },
}

func fail2(string, string) error { return errDisk }

func after(step func(string, string) error) func(string, string) error {
	return func(from, to string) error { return errors.Join(step(from, to), errDisk) }
}

func TestACreateThatFailedMayBeRepeated(t *testing.T) {
	for fault, breakIt := range faults {
		for _, restart := range []bool{false, true} {
			t.Run(faultName(fault, restart), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				v := openTest(t, dir, Config{})
				var early keys.Key
				var earlyErr error
				broken(v, breakIt, func() {
					if key, err := v.Create(t.Context(), "a"); !errors.Is(err, errDisk) || key != (keys.Key{}) {
						t.Fatalf("create on a broken disk gave a key or %v", err)
					}
					if early, earlyErr = v.Open(t.Context(), "a"); fault == "folder sync fails" && earlyErr == nil {
						t.Fatal("a key that a crash could take away was handed out")
					}
				})
				v = reopenIf(t, v, dir, restart)
				key, err := v.Create(t.Context(), "a")
				if err != nil {
					t.Fatal(err)
				}
				if earlyErr == nil && early != key {
					t.Fatal("the key that was handed out is not the one that stays")
				}
				v = reopenIf(t, v, dir, true)
				if again, err := v.Open(t.Context(), "a"); err != nil || again != key {
					t.Fatalf("after a restart: another key or %v", err)
				}
			})
		}
	}
}

func TestADestroyThatFailedMayBeRepeated(t *testing.T) {
	for fault, breakIt := range faults {
		for _, restart := range []bool{false, true} {
			t.Run(faultName(fault, restart), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				v := openTest(t, dir, Config{})
				want, err := v.Create(t.Context(), "a")
				if err != nil {
					t.Fatal(err)
				}
				broken(v, breakIt, func() {
					if err := v.Destroy(t.Context(), "a"); !errors.Is(err, errDisk) {
						t.Fatalf("destroy on a broken disk: %v", err)
					}
				})
				v = reopenIf(t, v, dir, restart)
				if key, err := v.Open(t.Context(), "a"); err == nil && key != want {
					t.Fatal("a destruction that failed changed the key")
				}
				if err := v.Destroy(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				v = reopenIf(t, v, dir, true)
				if _, err := v.Open(t.Context(), "a"); !errors.Is(err, keys.ErrDestroyed) {
					t.Fatalf("after a restart: %v, want %v", err, keys.ErrDestroyed)
				}
			})
		}
	}
}

func TestAStartThatFailedMayBeRepeated(t *testing.T) {
	for fault, breakIt := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d := osDisk()
			breakIt(&d)
			if _, err := open(dir, Config{}, d); !errors.Is(err, errDisk) {
				t.Fatalf("first start on a broken disk: %v", err)
			}
			v := openTest(t, dir, Config{})
			if _, err := v.Create(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAStartThatWasKilledGoesOn(t *testing.T) {
	// The files of a first start, in the order in which they become durable.
	made := []string{"root.key", "roots", "names.key", "signing.key"}
	for i := range made {
		t.Run("before "+made[i], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			openTest(t, dir, Config{}).Close()
			for _, name := range made[i:] {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			v := openTest(t, dir, Config{})
			if _, err := v.Sign(context.Background(), []byte("parley test v1\n")); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestOpenRemovesWhatACrashLeftHalfWritten(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir, Config{}).Close()
	left := filepath.Join(dir, "tmp", ".new-123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, Config{})
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func broken(v *Vault, breakIt func(*disk), f func()) {
	good := v.disk
	breakIt(&v.disk)
	defer func() { v.disk = good }()
	f()
}

func reopenIf(t *testing.T, v *Vault, dir string, restart bool) *Vault {
	if !restart {
		return v
	}
	v.Close()
	return openTest(t, dir, Config{})
}

func faultName(fault string, restart bool) string {
	if restart {
		return fault + ", then a restart"
	}
	return fault
}
