package people

import (
	"context"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
)

// MayOpen implements [chat.Opener]. Whoever closed the account, blocks or hides (T4) is not found: whom the starter would reach is
// read anew each time, and before the quota, so that no first contact is spent on them. Then the starter's quota of the day is
// charged (T1), once for a key.
//
// What the starter brings about needs nobody's leave but the others': a candidate who hides may start a conversation. Other
// recruiters in it are asked about like the starter, since they come to know each other by it.
func (s *Service) MayOpen(ctx context.Context, o chat.Opening) error {
	all := o.Others
	if o.Starter.User != "" {
		all = append([]chat.Party{o.Starter}, o.Others...)
	}
	no, err := s.anyRefuses(ctx, all, o.Starter.User)
	if err != nil {
		return err
	}
	if no {
		s.metrics.refused.WithLabelValues(atOpen).Inc()
		return policy.ErrNotFound
	}
	return s.charge(ctx, o.Starter, o.Key)
}

// anyRefuses says whether one of them, but the starter, refuses one of the other side, or has no account any more.
func (s *Service) anyRefuses(ctx context.Context, all []chat.Party, starter identity.UserID) (bool, error) {
	users := make([]identity.UserID, len(all))
	for i, m := range all {
		users[i] = m.User
	}
	found, err := s.load(ctx, users)
	if err != nil {
		return false, err
	}
	no := false
	for i, m := range all {
		no = found[i].closed || no
		for _, by := range all {
			if across(m, by) && m.User != starter {
				no = found[i].refuses(by) || no
			}
		}
	}
	return no, nil
}
