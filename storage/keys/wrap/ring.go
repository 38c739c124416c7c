package wrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"parley/storage/keys"
)

// ErrDamaged says that something wrapped was changed, or was wrapped by a key that is not in the ring.
var ErrDamaged = errors.New("keys: wrapped key is damaged")

// Kind says what is wrapped. It is part of what the seal is bound to; the zero kind is never wrapped.
type Kind byte

// What a vault wraps.
const (
	Data      Kind = 1
	Tombstone Kind = 2
	Signing   Kind = 3
	Check     Kind = 4 // empty; only version 1 has it
	NamesKey  Kind = 5
)

// Version 2 is version(1) ‖ kind(1) ‖ generation(4) ‖ nonce(12) ‖ AES-256-GCM. Version 1 has no generation: it is
// always 0, whose secret is the root key itself.
const (
	version1 = 1
	version2 = 2

	header1 = 2
	header2 = 6
)

// Ring holds the generations of a vault. Seal uses the newest one. It never changes: With makes another.
type Ring struct {
	newest  uint32
	secrets map[uint32]keys.Key
	aeads   map[uint32]cipher.AEAD
}

// NewRing makes a ring of at least one generation.
func NewRing(secrets map[uint32]keys.Key) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("make key ring: no generation")
	}
	r := &Ring{secrets: maps.Clone(secrets), aeads: map[uint32]cipher.AEAD{}}
	for generation, secret := range secrets {
		aead, err := aeadOf(secret)
		if err != nil {
			return nil, err
		}
		r.aeads[generation] = aead
		r.newest = max(r.newest, generation)
	}
	return r, nil
}

func aeadOf(secret keys.Key) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret[:], nil, "parley vault wrap v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Newest is the generation by which Seal wraps.
func (r *Ring) Newest() uint32 { return r.newest }

// Has says whether the ring opens what that generation wrapped.
func (r *Ring) Has(generation uint32) bool { return r.aeads[generation] != nil }

// Generations lists the numbers of the generations, ascending.
func (r *Ring) Generations() []uint32 { return slices.Sorted(maps.Keys(r.secrets)) }

// Secret is what a root key wraps of a generation.
func (r *Ring) Secret(generation uint32) keys.Key { return r.secrets[generation] }

// With returns a ring that has one more generation.
func (r *Ring) With(generation uint32, secret keys.Key) (*Ring, error) {
	more := maps.Clone(r.secrets)
	more[generation] = secret
	return NewRing(more)
}

// Only returns a ring of just one of the generations.
func (r *Ring) Only(generation uint32) (*Ring, error) {
	return NewRing(map[uint32]keys.Key{generation: r.secrets[generation]})
}

// Seal wraps plain by the newest generation, bound to its kind and name.
func (r *Ring) Seal(k Kind, name NameHash, plain []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{version2, byte(k)}, r.newest)
	return r.aeads[r.newest].Seal(head, nil, plain, boundTo(head, name))
}

// Open returns what is wrapped and which of the kinds it is; ErrDamaged if it is none of them.
func (r *Ring) Open(sealed []byte, name NameHash, kinds ...Kind) (Kind, []byte, error) {
	generation, size, ok := header(sealed)
	if !ok || !slices.Contains(kinds, Kind(sealed[1])) || !r.Has(generation) {
		return 0, nil, ErrDamaged
	}
	plain, err := r.aeads[generation].Open(nil, nil, sealed[size:], boundTo(sealed[:size], name))
	if err != nil {
		return 0, nil, ErrDamaged
	}
	return Kind(sealed[1]), plain, nil
}

// Reseal wraps by the newest generation what an older one wrapped.
func (r *Ring) Reseal(sealed []byte, name NameHash, kinds ...Kind) ([]byte, error) {
	k, plain, err := r.Open(sealed, name, kinds...)
	if err != nil {
		return nil, err
	}
	return r.Seal(k, name, plain), nil
}

// OpenKey returns a data key: ErrDestroyed if its tombstone stands there.
func (r *Ring) OpenKey(sealed []byte, name NameHash) (keys.Key, error) {
	k, plain, err := r.Open(sealed, name, Data, Tombstone)
	switch {
	case err != nil:
		return keys.Key{}, err
	case k == Tombstone:
		return keys.Key{}, keys.ErrDestroyed
	case len(plain) != len(keys.Key{}):
		return keys.Key{}, ErrDamaged
	}
	return keys.Key(plain), nil
}

// GenerationOf tells which generation wrapped something; false if it is not wrapped at all.
func GenerationOf(sealed []byte) (uint32, bool) {
	generation, _, ok := header(sealed)
	return generation, ok
}

func header(sealed []byte) (generation uint32, size int, ok bool) {
	switch {
	case len(sealed) >= header1 && sealed[0] == version1:
		return 0, header1, true
	case len(sealed) >= header2 && sealed[0] == version2:
		return binary.BigEndian.Uint32(sealed[2:]), header2, true
	}
	return 0, 0, false
}

func boundTo(head []byte, name NameHash) []byte {
	return append(append([]byte("parley"), head...), name[:]...)
}

// NewSecret makes the secret of a new generation, or any other key.
func NewSecret() keys.Key {
	var secret keys.Key
	rand.Read(secret[:])
	return secret
}

// Bound is the text that binds a generation's secret to its number when a root key wraps it.
func Bound(generation uint32) string { return fmt.Sprintf("parley vault generation %d", generation) }
