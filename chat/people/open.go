package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
func (s *Service) MayOpen(ctx context.Context, starter chat.Party, others []chat.Party) error {
	return s.mayOpen(ctx, circleKey(others), starter, others)
}

// circleKey names a conversation by who is in it.
func circleKey(others []chat.Party) string {
	var b []byte
	for _, o := range slices.SortedFunc(slices.Values(others), func(a, b chat.Party) int { return strings.Compare(string(a.User), string(b.User)) }) {
		b = fmt.Appendf(b, "%q %q\n", o.User, o.Role)
	}
	return string(b)
}

func (s *Service) mayOpen(ctx context.Context, key string, starter chat.Party, others []chat.Party) error {
	all := others
	if starter.User != "" {
		all = append([]chat.Party{starter}, others...)
	}
	no, err := s.anyRefuses(ctx, all, starter.User)
	if err != nil {
		return err
	}
	if no {
		s.metrics.refused.WithLabelValues(atOpen).Inc()
		return policy.ErrNotFound
	}
	return s.charge(ctx, starter, key)
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
				no = found[i].refuses(m.Role == identity.Candidate, by) || no
			}
		}
	}
	return no, nil
}
