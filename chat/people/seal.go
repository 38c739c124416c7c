package people

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"parley/internal/identity"
	"parley/storage/keys"
)

// lookupKey is the vault's key behind the hashes of people and keys.
const lookupKey keys.Name = "field/people"

// Key names the key of all that a person sets. Destroying it closes the account.
func Key(user identity.UserID) keys.Name { return keys.Name("people/" + url.PathEscape(string(user))) }

// hasher makes keyed hashes.
type hasher struct{ key keys.Key }

func (s *Service) hasher(ctx context.Context) (hasher, error) {
	k, err := s.vault.Create(ctx, lookupKey)
	if err != nil {
		return hasher{}, fmt.Errorf("open key of people: %w", err)
	}
	return hasher{k}, nil
}

func (h hasher) owner(u identity.UserID) Hash { return h.sum("owner", string(u)) }
func (h hasher) contact(key string) Hash      { return h.sum("contact", key) }

func (h hasher) sum(kind, value string) Hash {
	m := hmac.New(sha256.New, h.key[:])
	m.Write([]byte("parley people " + kind + " v1\n" + value))
	return Hash(m.Sum(nil))
}

// formSealed is the first byte of a sealed document: AES-256-GCM with a random nonce in front, bound to its version; the
// key is its owner's own.
const formSealed = 1

func place(version uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("parley people document v1\n"), version)
}

// seal seals the document for the version that it will have.
func (s *Service) seal(ctx context.Context, user identity.UserID, version uint64, d document) ([]byte, error) {
	plain, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	k, err := s.vault.Create(ctx, Key(user))
	if err != nil {
		return nil, fmt.Errorf("seal document: %w", err)
	}
	a, err := k.AEAD()
	if err != nil {
		return nil, err
	}
	return a.Seal([]byte{formSealed}, nil, plain, place(version)), nil
}

func (s *Service) unseal(ctx context.Context, user identity.UserID, r Row) (document, error) {
	k, err := s.vault.Open(ctx, Key(user))
	if err != nil {
		return document{}, fmt.Errorf("unseal document: %w", err)
	}
	a, err := k.AEAD()
	if err != nil {
		return document{}, err
	}
	return opened(a, r)
}

func opened(a cipher.AEAD, r Row) (document, error) {
	var d document
	if r.Sealed[0] != formSealed {
		return d, errors.New("unseal document: unknown form")
	}
	plain, err := a.Open(nil, nil, r.Sealed[1:], place(r.Version))
	if err != nil {
		return d, fmt.Errorf("unseal document: %w", err)
	}
	if err := json.Unmarshal(plain, &d); err != nil {
		return d, errors.New("unseal document: not in the expected form")
	}
	return d, nil
}
