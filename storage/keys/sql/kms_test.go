package sql

import (
	"errors"
	"strings"
	"testing"

	"parley/internal/testenv/engines"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
	"parley/storage/keys/root"
)

func kmsRoot(t testing.TB, k *keystest.KMS) keys.Root {
	t.Helper()
	r, err := root.Open(k.Ref(), root.Config{Trust: k.Trust(), Getenv: func(name string) string {
		return map[string]string{"VAULT_TOKEN": keystest.KMSToken}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAVaultIsWrappedByAKMS(t *testing.T) {
	kms, url := keystest.NewKMS(t), engines.PostgreSQL(t)
	by := func(c *Config) { c.Root = kmsRoot(t, kms) }
	v, other := openTest(t, url, by), openTest(t, url, by)
	want := map[keys.Name]keys.Key{"a": mustCreate(t, v, "a")}
	mustDestroy(t, v, "gone")
	if err := v.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, other, want)
	v.Close()
	wantKeys(t, openTest(t, url, by), want)

	if _, err := Open(t.Context(), Config{URL: url, Root: kmsRoot(t, keystest.NewKMS(t))}); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("a KMS whose key of that name is another: %v, want %v", err, keys.ErrForeignRoot)
	}
	kms.Close()
	_, err := Open(t.Context(), Config{URL: url, Root: kmsRoot(t, kms)})
	if err == nil || !strings.Contains(err.Error(), "the KMS does not answer (connection refused): start it") {
		t.Errorf("a KMS that is down: %v", err)
	}
	wantKeys(t, other, want) // which is open, and asks the KMS for nothing
}

func TestAVaultMovesFromAFileToAKMS(t *testing.T) {
	kms, url := keystest.NewKMS(t), engines.PostgreSQL(t)
	v := openTest(t, url)
	want := map[keys.Name]keys.Key{"a": mustCreate(t, v, "a")}
	mustDestroy(t, v, "gone")
	if err := v.Admit(t.Context(), kmsRoot(t, kms)); err != nil {
		t.Fatal(err)
	}
	moved := openTest(t, url, func(c *Config) { c.Root = kmsRoot(t, kms) })
	if err := moved.RotateRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, moved, want)
	if _, err := Open(t.Context(), Config{URL: url, Root: rootOf(t, 1)}); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("the former root key: %v, want %v", err, keys.ErrForeignRoot)
	}
}
