package people

import (
	"context"

	"parley/internal/identity"
	"parley/signal/wire"
)

// BlockAll has a user block all of them at once.
func (s *Service) BlockAll(ctx context.Context, u identity.UserID, list []wire.Blocked) error {
	_, err := s.change(ctx, u, func(d *document) error {
		d.Blocks = append(d.Blocks, list...)
		return nil
	})
	return err
}
