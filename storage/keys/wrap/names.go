package wrap

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"parley/storage/keys"
)

// MaxName is the longest name of a data key in bytes.
const MaxName = 512

// NameHash is a data key's name as it is stored.
type NameHash [sha256.Size]byte

// Names hashes the names of one vault. Its key outlives every rotation: of a destroyed key nothing but the hash is
// left, so nothing could be hashed again.
type Names struct {
	key    keys.Key
	ledger []byte
}

// NewNames makes the hash of a vault from its names key.
func NewNames(key keys.Key) (Names, error) {
	ledger, err := hkdf.Key(sha256.New, key[:], nil, "parley vault ledger v1", 32)
	if err != nil {
		return Names{}, fmt.Errorf("derive key: %w", err)
	}
	return Names{key: key, ledger: ledger}, nil
}

// Version1Names is the names key of a vault whose root key wraps directly.
func Version1Names(root keys.Key) (keys.Key, error) {
	key, err := hkdf.Key(sha256.New, root[:], nil, "parley vault names v1", 32)
	if err != nil {
		return keys.Key{}, fmt.Errorf("derive key: %w", err)
	}
	return keys.Key(key), nil
}

// Hash is the keyed hash of a name: names hold user ids, which never reach a disk (A4). A name that is empty or longer
// than MaxName is an error.
func (n Names) Hash(name keys.Name) (NameHash, error) {
	if name == "" || len(name) > MaxName {
		return NameHash{}, fmt.Errorf("the name has %d bytes, not 1 to %d", len(name), MaxName)
	}
	m := hmac.New(sha256.New, n.key[:])
	m.Write([]byte(name))
	return NameHash(m.Sum(nil)), nil
}
