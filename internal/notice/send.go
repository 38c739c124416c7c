package notice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"parley/internal/identity"
	"parley/internal/outbox"
	"parley/internal/policy"
)

// Class is what a notice is for. The zero value is none.
type Class string

// The classes. Service notices can't be switched off and know no quiet hours; the others can, by channel (T10).
const (
	Marketing      Class = "marketing"
	Recommendation Class = "recommendation"
	ServiceNotice  Class = "service"
)

// Channels are those by which people are reached.
var Channels = []string{"push", "sms", "mail"}

// MaxID bounds the platform's id of a notice, in bytes.
const MaxID = 128

// Notice is something that the platform wants to tell somebody; what it says is the platform's own.
type Notice struct {
	ID       string // the platform's own; unique
	User     identity.UserID
	Class    Class
	Channels []string
}

// Decision is what becomes of a notice.
type Decision struct {
	Channels []string  // by which it goes out
	Refused  []string  // by which the person wants none of the class
	Until    time.Time // it waits for the end of quiet hours; zero: it goes out at once
}

// Send decides on a notice (T10): for each channel by which the person takes its class, the outbox has an event notice.send,
// when their quiet hours are over; by then the decision may have become a stricter one, if the person has changed their mind. A repeat with the
// same id is the same notice. Without a channel that is left nothing is kept.
func (s *Service) Send(ctx context.Context, p identity.Principal, n Notice) (Decision, error) {
	if err := identity.Allow(p, identity.NoticeSend); err != nil {
		return Decision{}, err
	}
	if err := check(n); err != nil {
		return Decision{}, err
	}
	d, wait, err := s.decide(ctx, n)
	if err != nil || len(d.Channels) == 0 {
		return d, err
	}
	kept, err := s.cfg.Store.Keep(ctx, n, wait)
	if err != nil {
		return Decision{}, fmt.Errorf("keep notice: %w", err)
	}
	if kept.User != n.User || kept.Class != n.Class || !slices.Equal(kept.Channels, n.Channels) {
		return Decision{}, policy.ErrConflict
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return d, nil
}

func check(n Notice) error {
	switch {
	case n.ID == "" || len(n.ID) > MaxID || !utf8.ValidString(n.ID):
		return policy.ErrBadRequest.With("A notice needs an id of at most 128 bytes.", "通知需要不超过 128 字节的编号。")
	case n.User == "" || len(n.User) > identity.MaxUserID:
		return policy.ErrBadRequest.With("Name a user.", "请指定用户。")
	case n.Class != Marketing && n.Class != Recommendation && n.Class != ServiceNotice:
		return policy.ErrBadRequest.With("A class is marketing, recommendation or service.", "通知类别不正确。")
	case len(n.Channels) == 0 || slices.ContainsFunc(n.Channels, func(c string) bool { return !slices.Contains(Channels, c) }),
		len(slices.Compact(slices.Sorted(slices.Values(n.Channels)))) != len(n.Channels):
		return policy.ErrBadRequest.With("Channels are push, sms and mail, each once at most.", "通知渠道不正确。")
	}
	return nil
}

// decide says what may go out and how long it has to wait.
func (s *Service) decide(ctx context.Context, n Notice) (d Decision, wait time.Duration, err error) {
	if n.Class == ServiceNotice {
		return Decision{Channels: n.Channels}, 0, nil
	}
	classes, _, quiet, err := s.cfg.Preferences.Notices(ctx, n.User)
	if err != nil {
		return d, 0, fmt.Errorf("read preferences: %w", err)
	}
	for _, c := range n.Channels {
		if slices.Contains(classes[string(n.Class)], c) {
			d.Channels = append(d.Channels, c)
		} else {
			d.Refused = append(d.Refused, c)
		}
	}
	if wait = quietFor(quiet, s.cfg.Now()); wait > 0 && len(d.Channels) > 0 {
		d.Until = s.cfg.Now().Add(wait).UTC()
	}
	return d, wait, nil
}

// notices works off a portion of what is due.
func (s *Service) notices(ctx context.Context) (more bool, err error) {
	due, err := s.cfg.Store.ClaimNotices(ctx, portion, lease)
	if err != nil {
		return false, fmt.Errorf("claim notices: %w", err)
	}
	var errs []error
	for _, d := range due {
		errs = append(errs, s.release(ctx, d))
	}
	return len(due) == portion, errors.Join(errs...)
}

// release asks again what the person wants, since that may have changed while the notice waited.
func (s *Service) release(ctx context.Context, due Due) error {
	d, wait, err := s.decide(ctx, due.Notice)
	if err != nil {
		return err
	}
	if wait > 0 && len(d.Channels) > 0 {
		return s.cfg.Store.Delay(ctx, due, wait)
	}
	var events []outbox.Event
	for _, c := range d.Channels {
		e := outbox.Event{
			Kind: outbox.NoticeSend, At: s.cfg.Now().UTC().Truncate(time.Microsecond), User: due.User, Channel: c, Class: string(due.Class), Notice: due.ID,
		}
		if e.ID, err = outbox.NewID(); err != nil {
			return err
		}
		events = append(events, e)
	}
	done, err := s.cfg.Store.Settle(ctx, due, events...)
	if err != nil {
		return fmt.Errorf("settle notice: %w", err)
	}
	if done {
		s.metrics.notices.WithLabelValues(string(due.Class)).Add(float64(len(events)))
		s.cfg.Wake()
	}
	return nil
}
