package privacy

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"parley/internal/policy"
	"parley/storage/keys"
)

// keyName is the vault's key behind both the lookup hash and the seal.
const keyName keys.Name = "field/consent"

// details is what an entry seals.
type details struct {
	Subject policy.Subject `json:"subject"`
	Scope   Scope          `json:"scope,omitempty"`
}

// sealer hashes subjects and seals details, with two keys drawn from the vault's one (HKDF, RFC 5869).
type sealer struct {
	lookup []byte
	gcm    cipher.AEAD
}

func openSealer(ctx context.Context, v keys.Vault) (*sealer, error) {
	root, err := v.Create(ctx, keyName)
	if err != nil {
		return nil, fmt.Errorf("open consent key: %w", err)
	}
	lookup, err := hkdf.Key(sha256.New, root[:], nil, "parley consent lookup v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive lookup key: %w", err)
	}
	seal, err := hkdf.Key(sha256.New, root[:], nil, "parley consent seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive sealing key: %w", err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, fmt.Errorf("open consent cipher: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("open consent cipher: %w", err)
	}
	return &sealer{lookup: lookup, gcm: gcm}, nil
}

func (s *sealer) hash(subject policy.Subject) Hash {
	m := hmac.New(sha256.New, s.lookup)
	m.Write([]byte(subject))
	return Hash(m.Sum(nil))
}

func (s *sealer) seal(e Entry, d details) ([]byte, error) {
	plain, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode consent: %w", err)
	}
	return s.gcm.Seal(nil, nil, plain, bound(e)), nil
}

func (s *sealer) open(e Entry) (details, error) {
	var d details
	plain, err := s.gcm.Open(nil, nil, e.Sealed, bound(e))
	if err != nil {
		return d, fmt.Errorf("unseal consent entry %d: %w", e.Seq, err)
	}
	if err := json.Unmarshal(plain, &d); err != nil {
		return d, fmt.Errorf("decode consent entry %d: %w", e.Seq, err)
	}
	return d, nil
}

// bound is what a seal is bound to, each field preceded by its length: an entry's seal fits no other entry.
func bound(e Entry) []byte {
	b := append([]byte("parley consent v1\n"), e.Subject[:]...)
	for _, f := range []string{string(e.Purpose), e.Context, string(e.Kind), e.Version, strconv.FormatInt(e.Time.UnixMicro(), 10)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}
