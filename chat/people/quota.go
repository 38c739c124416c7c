package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// shanghai is where a day begins and ends; there is no daylight saving time.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// WarnAt is how many first contacts are left when the server begins to warn.
const WarnAt = 10

// dayOf is the day of a moment.
func dayOf(t time.Time) Day {
	_, ahead := t.In(shanghai).Zone()
	return Day((t.Unix() + int64(ahead)) / (24 * 60 * 60))
}

// ends is when the day is over.
func (d Day) ends() time.Time {
	return time.Date(1970, 1, 2+int(d), 0, 0, 0, 0, shanghai).UTC()
}

// counted says whether somebody's first contacts have a quota (T1).
func counted(r identity.Role) bool { return r == identity.Recruiter || r == identity.Headhunter }

// charge counts a first contact. A crash after it leaves a contact that was counted for nothing, unless the platform tries
// again with the same key.
func (s *Service) charge(ctx context.Context, starter chat.Party, key string) error {
	if starter.User == "" || !counted(starter.Role) {
		return nil
	}
	h, err := s.hasher(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	day := dayOf(now)
	count, err := s.store.Take(ctx, Contact{Owner: h.owner(starter.User), Key: h.contact(key), Day: day, Normal: s.quota})
	if errors.Is(err, ErrFull) {
		s.metrics.refused.WithLabelValues(atQuota).Inc()
		return policy.ErrQuota.After(day.ends().Sub(now))
	}
	if err != nil {
		return fmt.Errorf("count first contact: %w", err)
	}
	if q := quotaOf(count, day); q.Warn {
		s.hub.Push(ctx, starter.User, q)
	}
	return nil
}

func quotaOf(c Count, day Day) wire.Quota {
	left := max(0, c.Limit-c.Used)
	return wire.Quota{Limit: c.Limit, Left: left, Warn: left <= WarnAt, Resets: day.ends()}
}

// Quota says how many conversations the principal may still start today.
func (s *Service) Quota(ctx context.Context, p identity.Principal) (wire.Quota, error) {
	if err := identity.Allow(p, identity.QuotaRead); err != nil {
		return wire.Quota{}, err
	}
	return s.quotaFor(ctx, p.User)
}

func (s *Service) quotaFor(ctx context.Context, u identity.UserID) (wire.Quota, error) {
	p, err := s.own(ctx, u)
	if err != nil {
		return wire.Quota{}, err
	}
	day := dayOf(s.now())
	count, err := s.store.Count(ctx, p.owner, day, s.quota)
	if err != nil {
		return wire.Quota{}, fmt.Errorf("count first contacts: %w", err)
	}
	return quotaOf(count, day), nil
}
