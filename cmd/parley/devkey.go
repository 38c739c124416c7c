package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// devKey is the throwaway HS256 key of parley dev. It lives in the data folder, so that tokens stay valid when the
// server is killed and started again.
type devKey struct {
	ID     string `json:"id"`
	Secret []byte `json:"secret"`
}

func (devKey) String() string       { return "devKey(hidden)" }
func (devKey) GoString() string     { return "devKey(hidden)" }
func (devKey) LogValue() slog.Value { return slog.StringValue("hidden") }

func devKeyFile(dir string) string { return filepath.Join(dir, "dev-key.json") }

func loadDevKey(dir string) (devKey, error) {
	var k devKey
	b, err := os.ReadFile(devKeyFile(dir))
	if err != nil {
		return k, fmt.Errorf("read development key: %w", err)
	}
	if err := json.Unmarshal(b, &k); err != nil {
		return k, fmt.Errorf("read development key %s (delete it to get a new one): %w", devKeyFile(dir), err)
	}
	return k, nil
}

// openDevKey returns the folder's key, making one if there is none.
func openDevKey(dir string) (devKey, error) {
	k, err := loadDevKey(dir)
	if !errors.Is(err, os.ErrNotExist) {
		return k, err
	}
	k = devKey{ID: "dev", Secret: make([]byte, 32)}
	_, _ = rand.Read(k.Secret) // never fails (crypto/rand)
	b, err := json.Marshal(k)
	if err != nil {
		return k, fmt.Errorf("write development key: %w", err)
	}
	// A crash before the rename leaves a temporary file that nobody reads.
	name := devKeyFile(dir)
	if err := os.WriteFile(name+".tmp", b, 0o600); err != nil {
		return k, fmt.Errorf("write development key: %w", err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return k, fmt.Errorf("write development key: %w", err)
	}
	return k, nil
}
