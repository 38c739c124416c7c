package root

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"parley/storage/keys"
)

// prefix begins a root key file, so that it is recognised in a backup.
const prefix = "parley root key v1 "

const size = len(keys.Key{})

// Local is a root key in memory.
type Local struct {
	secret keys.Key
	id     string
	where  string
	aead   cipher.AEAD
}

var _ keys.Root = (*Local)(nil)

func newLocal(where string, secret keys.Key) (*Local, error) {
	id, err := hkdf.Key(sha256.New, secret[:], nil, "parley vault root id v1", 8)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret[:], nil, "parley vault root v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return &Local{secret: secret, id: "local-" + hex.EncodeToString(id), where: where, aead: aead}, nil
}

// FromFile reads a root key file. It must be readable by its owner only.
func FromFile(path string) (*Local, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("root key %s is missing: restore it from its backup, or for a new vault make one by "+
			`(umask 077; printf '%s%%s\n' "$(openssl rand -hex %d)" > %s): %w`, path, prefix, size, path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read root key: %w", err)
	}
	if err := checkMode(path); err != nil {
		return nil, err
	}
	secret, err := parse(string(text), false)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return newLocal(path, secret)
}

// NewText is what to write to a root key file; every call makes another key.
func NewText() []byte {
	secret := make([]byte, size)
	rand.Read(secret)
	return []byte(prefix + hex.EncodeToString(secret) + "\n")
}

func parse(text string, digitsDo bool) (keys.Key, error) {
	digits, prefixed := strings.CutPrefix(strings.TrimSpace(text), prefix)
	secret, err := hex.DecodeString(digits)
	if !prefixed && !digitsDo || err != nil || len(secret) != size {
		return keys.Key{}, fmt.Errorf("is not a root key: it must read %q and %d hexadecimal digits", prefix, 2*size)
	}
	return keys.Key(secret), nil
}

func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read root key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("root key %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	return nil
}

// ID implements [keys.Root].
func (l *Local) ID() string { return l.id }

// String implements [keys.Root].
func (l *Local) String() string { return l.where }

// Secret is the key itself, for folders of version 1, whose keys it wraps without a generation between.
func (l *Local) Secret() keys.Key { return l.secret }

// Wrap implements [keys.Root].
func (l *Local) Wrap(_ context.Context, secret keys.Key, bound string) ([]byte, error) {
	return l.aead.Seal(nil, nil, secret[:], []byte(bound)), nil
}

// Unwrap implements [keys.Root].
func (l *Local) Unwrap(_ context.Context, wrapped []byte, bound string) (keys.Key, error) {
	plain, err := l.aead.Open(nil, nil, wrapped, []byte(bound))
	if err != nil || len(plain) != size {
		return keys.Key{}, fmt.Errorf("unwrap by root key %s: %w", l.where, keys.ErrForeignRoot)
	}
	return keys.Key(plain), nil
}
