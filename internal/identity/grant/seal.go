package grant

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"parley/internal/identity"
)

// wordLength is that of rand.Text: 26 letters of base32 are 130 bits, so a plain hash of them can't be turned back.
const wordLength = 26

func hash(word string) Hash { return sha256.Sum256([]byte(word)) }

// sealer hashes persons and seals seats, with two keys drawn from the vault's one (HKDF, RFC 5869).
type sealer struct {
	lookup []byte
	aead   cipher.AEAD
}

func newSealer(key [32]byte) (*sealer, error) {
	lookup, err := hkdf.Key(sha256.New, key[:], nil, "parley grant owner v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive grant key: %w", err)
	}
	seal, err := hkdf.Key(sha256.New, key[:], nil, "parley grant seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive grant key: %w", err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, fmt.Errorf("open grant cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("open grant cipher: %w", err)
	}
	return &sealer{lookup, aead}, nil
}

func (s *sealer) owner(u identity.UserID) Hash {
	m := hmac.New(sha256.New, s.lookup)
	m.Write([]byte(u))
	return Hash(m.Sum(nil))
}

// seal seals a seat (A4), bound to its word.
func (s *sealer) seal(word Hash, seat Seat) ([]byte, error) {
	plain, err := json.Marshal(seat)
	if err != nil {
		return nil, fmt.Errorf("seal grant: %w", err)
	}
	return s.aead.Seal(nil, nil, plain, word[:]), nil
}

func (s *sealer) open(word Hash, sealed []byte) (Seat, error) {
	var seat Seat
	plain, err := s.aead.Open(nil, nil, sealed, word[:])
	if err != nil {
		return seat, fmt.Errorf("unseal grant: %w", err)
	}
	if err := json.Unmarshal(plain, &seat); err != nil {
		return Seat{}, fmt.Errorf("unseal grant: %w", err)
	}
	return seat, nil
}
