package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/storage/keys"
)

// Thing returns one thing of a conversation; policy.ErrNotFound. Like all here it asks nobody's leave: see [Service.Enter].
func (s *Service) Thing(ctx context.Context, id ConversationID, thing ThingID) (Thing, error) {
	t, err := s.store.Thing(ctx, id, thing)
	if err != nil {
		return Thing{}, known("read thing", err)
	}
	return t, nil
}

// Things returns the things of one kind in a conversation, that of the latest step first, at most [MaxThings].
func (s *Service) Things(ctx context.Context, id ConversationID, kind string) ([]Thing, error) {
	all, err := s.store.Things(ctx, id, kind)
	if err != nil {
		return nil, fmt.Errorf("read things: %w", err)
	}
	return all, nil
}

// Expiring returns things of one kind, of any conversation, that expire before the moment, the earliest first. A step that
// sets no new expiry takes a thing out of them.
func (s *Service) Expiring(ctx context.Context, kind string, before time.Time, limit int) ([]Thing, error) {
	all, err := s.store.Expiring(ctx, kind, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read what expires: %w", err)
	}
	return all, nil
}

// SealValue seals something of the user's that belongs to the conversation, with the key of what the user says there: erasing
// that takes it too (R2). It opens only under the same label. policy.ErrGone if that happened already.
func (s *Service) SealValue(ctx context.Context, id ConversationID, user identity.UserID, label string, plain []byte) ([]byte, error) {
	sealed, err := seal(ctx, s.vault, BodyKey(id, user), valueLabel(id, user, label), plain)
	if err != nil {
		return nil, gone("seal value", err)
	}
	return sealed, nil
}

// OpenValue is the inverse of [Service.SealValue]; policy.ErrGone once the user's words were erased.
func (s *Service) OpenValue(ctx context.Context, id ConversationID, user identity.UserID, label string, sealed []byte) ([]byte, error) {
	plain, err := unseal(ctx, s.vault, BodyKey(id, user), valueLabel(id, user, label), sealed)
	if err != nil {
		return nil, gone("open value", err)
	}
	return plain, nil
}

// gone turns the destruction of a key into policy.ErrGone and says of any other error what was being done.
func gone(what string, err error) error {
	if errors.Is(err, keys.ErrDestroyed) {
		return policy.ErrGone
	}
	return fmt.Errorf("%s: %w", what, err)
}
