package file

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/storage/keys"
)

// The folder in testdata was made by version 1.
const (
	version1Key    = "5cb49e3517a96be31cf49eb64ac8043bd0c7852189a60dc658945912ccd91a66"
	version1Public = "cb550832c112486eb8f2aaeacc7b3ca7e3440dd8d1fa5e1d610e3a865e04a733"
)

func version1(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "version1"))); err != nil {
		t.Fatal(err)
	}
	for i := range 256 {
		os.Mkdir(filepath.Join(dir, "keys", hex.EncodeToString([]byte{byte(i)})), 0o700)
	}
	if err := os.Chmod(filepath.Join(dir, "root.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantVersion1(t *testing.T, v *Vault) {
	t.Helper()
	if key, err := v.Open(t.Context(), "chat/c/u"); err != nil || hex.EncodeToString(key[:]) != version1Key {
		t.Errorf("another key or %v", err)
	}
	if _, err := v.Open(t.Context(), "chat/c/gone"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("%v, want %v", err, keys.ErrDestroyed)
	}
	if public, err := v.PublicKey(t.Context()); err != nil || hex.EncodeToString(public) != version1Public {
		t.Errorf("it signs with %x, %v", public, err)
	}
}

func TestAFolderOfVersion1IsTakenOver(t *testing.T) {
	dir := version1(t)
	v := openTest(t, dir, Config{})
	wantVersion1(t, v)
	var ledger strings.Builder
	if n, err := v.ExportTombstones(t.Context(), &ledger, time.Now()); err != nil || n != 1 {
		t.Errorf("exported %d tombstones, %v; want the one whose moment is unknown", n, err)
	}
	v.Close()
	v = openTest(t, dir, Config{})
	wantVersion1(t, v)
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantVersion1(t, v)
	v.Close()
	v = openTest(t, dir, Config{})
	wantVersion1(t, v)
	if list, err := v.Generations(t.Context()); err != nil || len(list) != 1 || list[0].Number != 1 || list[0].Keys != 2 {
		t.Errorf("generations %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(dir, checkFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the check of version 1 is still there (%v)", err)
	}
}

func TestAFolderOfVersion1RefusesAForeignRootKey(t *testing.T) {
	dir := version1(t)
	if _, err := Open(dir, Config{Root: rootOf(t, 2)}); !errors.Is(err, keys.ErrForeignRoot) {
		t.Fatalf("%v, want %v", err, keys.ErrForeignRoot)
	}
	wantVersion1(t, openTest(t, dir, Config{}))
}
