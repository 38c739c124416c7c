package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/storage/keys"
	"parley/storage/keys/keystest"
	"parley/storage/keys/root"
	"parley/storage/keys/wrap"
)

func TestVaultKeepsTheContract(t *testing.T) {
	keystest.Vault(t, func(t *testing.T) keystest.Opener {
		dir := t.TempDir()
		var v *Vault
		return func() keys.Vault {
			if v != nil {
				v.Close()
			}
			v = openTest(t, dir, Config{})
			return v
		}
	})
}

// A cache of one key means that nearly every call reads the disk.
func TestVaultKeepsTheContractWithHardlyAnyCache(t *testing.T) {
	keystest.Vault(t, func(t *testing.T) keystest.Opener {
		dir := t.TempDir()
		var v *Vault
		return func() keys.Vault {
			if v != nil {
				v.Close()
			}
			v = openTest(t, dir, Config{Cache: 1})
			return v
		}
	})
}

func TestVaultRotatesAndKeepsALedger(t *testing.T) {
	keystest.Vaults(t, func(t *testing.T) keystest.Keeping {
		dir := t.TempDir()
		var v *Vault
		return keystest.Keeping{
			Root: func(number int) keys.Root { return rootOf(t, number) },
			Open: func(root keys.Root) (keystest.Keeper, error) {
				if v != nil {
					v.Close()
				}
				next, err := Open(dir, Config{Root: root})
				if err != nil {
					v = nil
					return nil, err
				}
				v = next
				t.Cleanup(func() { next.Close() })
				return next, nil
			},
		}
	})
}

// rootOf is a root key for tests; every number another one.
func rootOf(t testing.TB, number int) keys.Root {
	t.Helper()
	digits := fmt.Sprintf("%064x", number)
	r, err := root.Open("env:ROOT", root.Config{Getenv: func(string) string { return digits }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openTest(t *testing.T, dir string, cfg Config) *Vault {
	t.Helper()
	v, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func TestAFolderIsOpenOnceAtATime(t *testing.T) {
	dir := t.TempDir()
	v := openTest(t, dir, Config{})
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("second Open: %v", err)
	}
	v.Close()
	openTest(t, dir, Config{})
}

func TestTheRootKeyIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir, Config{}).Close()
	path := filepath.Join(dir, "root.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("Open with a root key that anybody reads: %v", err)
	}
}

func TestTheRootKeyMayLieElsewhere(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere.key")
	v := openTest(t, dir, Config{RootKey: path})
	want, err := v.Create(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	if _, err := os.Stat(filepath.Join(dir, "root.key")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a root key lies in the folder as well")
	}
	if got, err := openTest(t, dir, Config{RootKey: path}).Open(t.Context(), "a"); err != nil || got != want {
		t.Errorf("another key or %v", err)
	}
}

func TestARootKeyThatDoesNotFitIsNamed(t *testing.T) {
	other := t.TempDir()
	openTest(t, other, Config{}).Close()
	foreign, err := os.ReadFile(filepath.Join(other, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		root []byte // nil: removed
		want string
	}{
		"of another folder": {foreign, "does not belong to this folder"},
		"missing":           {nil, "restore it from its backup"},
		"empty":             {[]byte{}, "is not a root key"},
		"cut":               {foreign[:40], "is not a root key"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			openTest(t, dir, Config{}).Close()
			path := filepath.Join(dir, "root.key")
			before := tree(t, dir)
			os.Remove(path)
			if test.root != nil {
				os.WriteFile(path, test.root, 0o600)
			}
			_, err := Open(dir, Config{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), string(foreign[len("parley root key v1 "):len(foreign)-1])) {
				t.Error("the error shows the root key")
			}
			after := tree(t, dir)
			delete(before, "root.key")
			delete(after, "root.key")
			if fmt.Sprint(before) != fmt.Sprint(after) {
				t.Error("the refused Open changed the folder")
			}
		})
	}
}

func TestOneFlippedBitIsFound(t *testing.T) {
	v := openTest(t, t.TempDir(), Config{})
	if _, err := v.Create(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	path := v.path(hashOf(t, v, "a"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x01
		os.WriteFile(path, changed, 0o600)
		v.cache.Clear()
		if _, err := v.Open(t.Context(), "a"); !errors.Is(err, wrap.ErrDamaged) {
			t.Fatalf("byte %d: %v, want %v", i, err, wrap.ErrDamaged)
		}
	}
}

func TestOneFileDoesNotPassForAnother(t *testing.T) {
	v := openTest(t, t.TempDir(), Config{Cache: 1})
	for _, n := range []keys.Name{"a", "b", "c"} {
		if _, err := v.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Destroy(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	for _, from := range []keys.Name{"b", "c"} {
		file, err := os.ReadFile(v.path(hashOf(t, v, from)))
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(v.path(hashOf(t, v, "a")), file, 0o600)
		v.cache.Clear()
		if _, err := v.Open(t.Context(), "a"); !errors.Is(err, wrap.ErrDamaged) {
			t.Errorf("the file of %q as that of \"a\": %v, want %v", from, err, wrap.ErrDamaged)
		}
	}
}

func TestNothingOfANameOrKeyIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	v := openTest(t, dir, Config{})
	key, err := v.Create(t.Context(), "chat/conversation-1/user-wang")
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range tree(t, dir) {
		if strings.Contains(path+content, "user-wang") || strings.Contains(content, string(key[:])) {
			t.Errorf("%s shows the name or the key", path)
		}
	}
}

func TestDestroyLeavesNoWrappedKey(t *testing.T) {
	dir := t.TempDir()
	v := openTest(t, dir, Config{})
	if _, err := v.Create(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	path := v.path(hashOf(t, v, "a"))
	wrapped, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A second link shows what becomes of the bytes that the name no longer leads to.
	spy := filepath.Join(t.TempDir(), "spy")
	if err := os.Link(path, spy); err != nil {
		t.Skipf("the file system has no links: %v", err)
	}
	if err := v.Destroy(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadFile(spy)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(left, wrapped[2:]) || bytes.Equal(left, wrapped) {
		t.Error("the wrapped key is still in the old blocks")
	}
	if _, held := v.cache.Get(hashOf(t, v, "a")); held {
		t.Error("the key is still in memory")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	v := openTest(t, t.TempDir(), Config{Cache: 4})
	for i := range 20 {
		if _, err := v.Create(t.Context(), keys.Name(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.cache.Len(); got != 4 {
		t.Errorf("%d keys in memory, want 4", got)
	}
	for i := range 20 {
		if _, err := v.Open(t.Context(), keys.Name(fmt.Sprint(i))); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

func TestAClosedVaultAnswersNothing(t *testing.T) {
	v := openTest(t, t.TempDir(), Config{})
	if _, err := v.Create(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	v.Close()
	_, createErr := v.Create(t.Context(), "a")
	_, signErr := v.Sign(t.Context(), []byte("parley test v1\n"))
	for what, err := range map[string]error{"create": createErr, "sign": signErr, "destroy": v.Destroy(t.Context(), "a")} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v", what, err, ErrClosed)
		}
	}
}

func hashOf(t *testing.T, v *Vault, n keys.Name) wrap.NameHash {
	t.Helper()
	name, err := v.names.Hash(n)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// tree reads all files below dir, by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func FuzzSigner(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 32))
	one := newSigner(time.Unix(9, 0), nil)
	f.Add(one.encode())
	f.Add(newSigner(time.Unix(10, 0), []keys.PublicKey{{Key: one.public(), Since: one.since, Until: time.Unix(10, 0)}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSigner(b); err == nil && len(b) > 32 && !bytes.Equal(s.encode(), b) {
			t.Errorf("%x is read as %x", b, s.encode())
		}
	})
}
