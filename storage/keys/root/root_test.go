package root

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"parley/storage/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const digits = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestARootKeyComesFromAFileOrTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, []byte(prefix+digits+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment(map[string]string{"ROOT": prefix + digits, "SHORT": digits + "\n"})
	secret := keys.Key{1, 2, 3}
	var wrapped []byte
	for _, ref := range []string{path, "env:ROOT", "env:SHORT"} {
		r, err := Open(ref, Config{Getenv: env})
		if err != nil {
			t.Fatal(err)
		}
		if r.String() != ref {
			t.Errorf("it comes from %q, want %q", r, ref)
		}
		if wrapped == nil {
			if wrapped, err = r.Wrap(t.Context(), secret, "one"); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := r.Unwrap(t.Context(), wrapped, "one"); err != nil || got != secret {
			t.Errorf("%s: another secret or %v", ref, err)
		}
		if _, err := r.Unwrap(t.Context(), wrapped, "two"); !errors.Is(err, keys.ErrForeignRoot) {
			t.Errorf("%s: a secret bound to another text: %v", ref, err)
		}
		if strings.Contains(r.ID(), digits[:8]) {
			t.Errorf("the id shows the key: %s", r.ID())
		}
	}
}

func TestWhatIsNoRootKeyIsNamedAndNotShown(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	env := environment(map[string]string{"CUT": digits[:40], "VAULT_TOKEN": "s.secret-token"})
	for ref, want := range map[string]string{
		"":                             "none is named",
		file("bare", digits, 0o600):    "is not a root key",
		file("open", digits, 0o644):    "chmod 600",
		filepath.Join(dir, "missing"):  "openssl rand -hex 32",
		"env:CUT":                      "is not a root key",
		"env:NOTHING":                  "is empty",
		"aws-kms://arn:aws:kms:x:y":    "not supported",
		"gcp-kms://projects/p":         "not supported",
		"hcvault://":                   "must read",
		"hcvault://host/keys":          "must read",
		"hcvault://u:p@host/m/keys/k":  "must read",
		"hcvault://host/m/keys/k?a=b":  "must read",
		"hcvault://host/transit/lock/": "must read",
	} {
		_, err := Open(ref, Config{Getenv: env})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
			continue
		}
		for _, secret := range []string{digits[:16], "secret-token", "u:p"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q", ref, secret)
			}
		}
	}
	if _, err := Open(filepath.Join(dir, "missing"), Config{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Open("hcvault://host/transit/keys/k", Config{Getenv: environment(nil)}); err == nil || !strings.Contains(err.Error(), "VAULT_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

func TestARootKeyNeverPrints(t *testing.T) {
	r, err := Open("env:ROOT", Config{Getenv: environment(map[string]string{"ROOT": digits})})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%s %v", r, r.(*Local).Secret())} {
		if strings.Contains(text, digits[:8]) || strings.Contains(text, "17 34 51") {
			t.Errorf("it prints as %s", text)
		}
	}
}

func TestEveryNewTextIsAnotherRootKey(t *testing.T) {
	ids := map[string]bool{}
	for i := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(path, NewText(), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := FromFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ids[r.ID()] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d keys, want 3", len(ids))
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{prefix + digits, prefix + digits + "\n", digits, "", prefix, "parley root key v2 " + digits} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, digitsDo bool) {
		secret, err := parse(text, digitsDo)
		if err == nil && !strings.Contains(strings.ToLower(text), hex.EncodeToString(secret[:])) {
			t.Errorf("%q is read as %x", text, secret)
		}
		if err == nil && !digitsDo && !strings.Contains(text, prefix) {
			t.Errorf("%q is taken for a file", text)
		}
		if err != nil && len(text) > len(digits) && strings.Contains(err.Error(), text) {
			t.Errorf("the error tells the key: %v", err)
		}
	})
}

// FuzzReference opens whatever is named as a root key, but files.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"env:ROOT", "env:", "hcvault://kms.example/transit/keys/parley", "hcvault://u:s3cret!@h/m/keys/k", "aws-kms://s3cret!", ""} {
		f.Add(s)
	}
	env := environment(map[string]string{"ROOT": prefix + digits, "VAULT_TOKEN": "s3cret!"})
	f.Fuzz(func(t *testing.T, ref string) {
		if !strings.HasPrefix(ref, "env:") && !strings.Contains(ref, "://") {
			return
		}
		if _, err := Open(ref, Config{Getenv: env}); err != nil && strings.HasPrefix(ref, "hcvault://") && strings.Contains(err.Error(), "s3cret!") {
			t.Errorf("the error tells a secret: %v", err)
		}
	})
}
