package chat

import (
	"context"
	"fmt"

	"parley/internal/identity"
)

// Heads returns the last seq of each conversation that [Service.List] would show to the principal. It decrypts nothing: every
// session asks at each of its pings.
func (s *Service) Heads(ctx context.Context, p identity.Principal) (map[ConversationID]Seq, error) {
	if err := identity.Allow(p, identity.ConversationRead); err != nil {
		return nil, err
	}
	heads, err := s.store.Heads(ctx, p.User, p.Role, MaxConversations)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return heads, nil
}
