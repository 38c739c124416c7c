package attach

import (
	"context"

	"parley/internal/identity/grant"
)

// Stored is what is stored of an attachment, whether an entry shows it or not.
func (s *Service) Stored(ctx context.Context, id ID) (*Content, error) {
	return s.content(ctx, grant.Seat{Attachment: string(id)}, "")
}
