package moderation

import (
	"context"
	"errors"
	"fmt"

	"parley/internal/identity"
	"parley/storage/keys"
)

// seal seals a text under the key of a person (A4); its label binds it to its place. Destroying the key erases it.
func (s *Service) seal(ctx context.Context, u identity.UserID, what, id, text string) ([]byte, error) {
	if text == "" {
		return []byte{}, nil
	}
	k, err := s.cfg.Vault.Create(ctx, KeyOf(u))
	if errors.Is(err, keys.ErrDestroyed) {
		return []byte{}, nil // of an erased person nothing is kept
	}
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", what, err)
	}
	a, err := k.AEAD()
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, []byte(text), []byte(what+"/"+id+"/"+string(u))), nil
}

// open opens what seal made; what was erased is empty.
func (s *Service) open(ctx context.Context, u identity.UserID, what, id string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	k, err := s.cfg.Vault.Open(ctx, KeyOf(u))
	if errors.Is(err, keys.ErrDestroyed) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open %s: %w", what, err)
	}
	a, err := k.AEAD()
	if err != nil {
		return "", err
	}
	plain, err := a.Open(nil, nil, sealed, []byte(what+"/"+id+"/"+string(u)))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", what, err)
	}
	return string(plain), nil
}
