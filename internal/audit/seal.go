package audit

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"parley/internal/identity"
)

// sealed is what a record hides.
type sealed struct {
	Actor  identity.UserID   `json:"actor"`
	Object string            `json:"object,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
}

// sealVersion begins every sealed field: AES-256-GCM with a random nonce in front, bound to the record's place.
const sealVersion = 1

func newAEAD(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s sealed) seal(aead cipher.AEAD, at Record) ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("seal entry: %w", err)
	}
	return aead.Seal([]byte{sealVersion}, nil, plain, at.place()), nil
}

func unseal(aead cipher.AEAD, r Record) (sealed, error) {
	var s sealed
	if len(r.Sealed) == 0 || r.Sealed[0] != sealVersion {
		return s, fmt.Errorf("unseal entry %d: unknown form", r.Seq)
	}
	plain, err := aead.Open(nil, nil, r.Sealed[1:], r.place())
	if err != nil {
		return s, fmt.Errorf("unseal entry %d: %w", r.Seq, err)
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("unseal entry %d: %w", r.Seq, err)
	}
	return s, nil
}

// place is what a seal is bound to: everything else that the record says, but its own hash.
func (r Record) place() []byte {
	b := []byte("parley audit entry v1\n")
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time.UnixMicro()))
	b = appendField(b, []byte(r.Role))
	b = appendField(b, []byte(r.Action))
	return append(b, r.Prev[:]...)
}
