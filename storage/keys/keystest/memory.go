package keystest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"sync"

	"parley/internal/chain"
	"parley/storage/keys"
)

// Memory is a vault for tests of other packages that keeps nothing. It passes the same suite as the real ones.
type Memory struct {
	signing ed25519.PrivateKey

	mu        sync.Mutex
	live      map[keys.Name]keys.Key
	destroyed map[keys.Name]bool
}

var _ keys.Vault = (*Memory)(nil)

// New makes an empty vault with a signing key of its own.
func New() *Memory {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	return &Memory{
		signing: ed25519.NewKeyFromSeed(seed), live: map[keys.Name]keys.Key{}, destroyed: map[keys.Name]bool{},
	}
}

// Create implements [keys.Vault].
func (m *Memory) Create(ctx context.Context, n keys.Name) (keys.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, err := m.open(ctx, n)
	if errors.Is(err, keys.ErrNotFound) {
		rand.Read(key[:])
		m.live[n] = key
		err = nil
	}
	return key, err
}

// Open implements [keys.Vault].
func (m *Memory) Open(ctx context.Context, n keys.Name) (keys.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open(ctx, n)
}

func (m *Memory) open(ctx context.Context, n keys.Name) (keys.Key, error) {
	key, ok := m.live[n]
	switch {
	case ctx.Err() != nil:
		return keys.Key{}, ctx.Err()
	case n == "":
		return keys.Key{}, errors.New("keystest: empty name")
	case m.destroyed[n]:
		return keys.Key{}, keys.ErrDestroyed
	case !ok:
		return keys.Key{}, keys.ErrNotFound
	}
	return key, nil
}

// Destroy implements [keys.Vault].
func (m *Memory) Destroy(ctx context.Context, n keys.Name) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.open(ctx, n); err != nil && !errors.Is(err, keys.ErrDestroyed) && !errors.Is(err, keys.ErrNotFound) {
		return err
	}
	delete(m.live, n)
	m.destroyed[n] = true
	return nil
}

// Sign implements [chain.Signer].
func (m *Memory) Sign(ctx context.Context, message []byte) (chain.Signature, error) {
	if err := ctx.Err(); err != nil {
		return chain.Signature{}, err
	}
	return chain.SignWith(m.signing, message)
}

// PublicKey implements [chain.Signer].
func (m *Memory) PublicKey(context.Context) (ed25519.PublicKey, error) {
	return m.signing.Public().(ed25519.PublicKey), nil
}
