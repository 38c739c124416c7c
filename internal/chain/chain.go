package chain

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256 digest. The zero value precedes the first entry of every chain.
type Hash [sha256.Size]byte

// String is the digest in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText encodes the digest in lower-case hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote, in lower case only, so that a hash has one spelling.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) || bytes.ContainsAny(text, "ABCDEF") {
		return fmt.Errorf("chain: a hash is %d lower-case hexadecimal digits", 2*len(h))
	}
	var read Hash
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("chain: read hash: %w", err)
	}
	*h = read
	return nil
}

// ParseHash reads a digest in hexadecimal.
func ParseHash(s string) (Hash, error) {
	var h Hash
	err := h.UnmarshalText([]byte(s))
	return h, err
}

// Signature is an Ed25519 signature and the key that made it.
type Signature struct {
	Key   KeyID  `json:"key"`
	Bytes []byte `json:"sig"`
}

// KeyID is the lower-case hexadecimal of the first 8 bytes of SHA-256 over the raw public key.
type KeyID string

// PublicKeyID names a public key.
func PublicKeyID(k ed25519.PublicKey) KeyID {
	sum := sha256.Sum256(k)
	return KeyID(hex.EncodeToString(sum[:8]))
}

// Signer signs heads. The message must begin with a domain string of its own ("parley recording head v1\n"),
// so that a signature over one kind of thing never passes for another. Any goroutine may call it.
type Signer interface {
	Sign(ctx context.Context, message []byte) (Signature, error)
	// PublicKey is the key that Sign uses now.
	PublicKey(ctx context.Context) (ed25519.PublicKey, error)
}
