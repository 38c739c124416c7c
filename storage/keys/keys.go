package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"parley/internal/chain"
)

// Errors every Vault returns, possibly wrapped.
var (
	// ErrNotFound says that there never was such a key.
	ErrNotFound = errors.New("keys: not found")
	// ErrDestroyed says that the key was destroyed; what it sealed is gone for good.
	ErrDestroyed = errors.New("keys: destroyed")
)

// Name names a data key: "chat/<conversation>/<sender>", "recording/<recording>/<participant>", "field/<use>". Names
// are stored only as keyed hashes.
type Name string

// Key is a 256-bit data key. It never prints.
type Key [32]byte

// hidden is what a key shows of itself.
const hidden = "keys.Key(hidden)"

// String hides the key.
func (Key) String() string { return hidden }

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the key.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText keeps the key out of JSON and the like: it always fails.
func (Key) MarshalText() ([]byte, error) { return nil, errors.New("keys: a key is never encoded") }

// AEAD seals small values under the key itself: AES-256-GCM with a random nonce in front of what it seals (A4).
func (k Key) AEAD() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return a, nil
}

// Vault keeps data keys wrapped by a root key, outside the main database's dumps. Destroying a data key is erasure of
// all it sealed. Any goroutine may call it. It also signs heads with the node's Ed25519 key.
type Vault interface {
	chain.Signer
	// Create returns the key of that name, making it if there is none; a new key is durable before it is returned, so
	// that nothing is ever sealed with a key that a crash could take away. ErrDestroyed if it was destroyed.
	Create(ctx context.Context, n Name) (Key, error)
	// Open returns the key of that name: ErrNotFound, ErrDestroyed.
	Open(ctx context.Context, n Name) (Key, error)
	// Destroy destroys the key durably and for ever and remembers that it did (a tombstone); repeating it is no
	// error, nor is a name never used, which stays unusable afterwards.
	Destroy(ctx context.Context, n Name) error
}
