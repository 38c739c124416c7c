package people

import (
	"context"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// applied is the settings of who set these: the defaults for the rest. Lists are never nil.
func applied(set wire.SettingsSet) wire.Settings {
	return wire.Settings{
		Receipts: or(set.Receipts, true), Presence: or(set.Presence, true),
		Hide: or(set.Hide, wire.Hide{}), Insight: or(set.Insight, true),
		Notices:   or(set.Notices, map[string][]string{}),
		Reminders: or(set.Reminders, []string{"push"}),
		Quiet:     or(set.Quiet, wire.Quiet{From: "22:00", To: "08:00"}),
		Greetings: or(set.Greetings, []string{}), Replies: or(set.Replies, []string{}),
	}
}

func or[T any](v *T, def T) T {
	if v == nil {
		return def
	}
	return *v
}

// merged is old with what is there of next.
func merged(old, next wire.SettingsSet) wire.SettingsSet {
	replace(&old.Receipts, next.Receipts)
	replace(&old.Presence, next.Presence)
	replace(&old.Hide, next.Hide)
	replace(&old.Insight, next.Insight)
	replace(&old.Notices, next.Notices)
	replace(&old.Reminders, next.Reminders)
	replace(&old.Quiet, next.Quiet)
	replace(&old.Greetings, next.Greetings)
	replace(&old.Replies, next.Replies)
	return old
}

func replace[T any](old **T, next *T) {
	if next != nil {
		*old = next
	}
}

// Settings are the principal's own, the same whatever role they act in.
func (s *Service) Settings(ctx context.Context, p identity.Principal) (wire.Settings, error) {
	if err := identity.Allow(p, identity.SettingsOwn); err != nil {
		return wire.Settings{}, err
	}
	return s.settingsFor(ctx, p.User)
}

func (s *Service) settingsFor(ctx context.Context, u identity.UserID) (wire.Settings, error) {
	p, err := s.own(ctx, u)
	if err != nil {
		return wire.Settings{}, err
	}
	return p.settings, nil
}

// Set replaces those of the principal's settings that are there and tells all their sessions. Hiding (T4) and talent insight
// (T11) are set as a candidate.
func (s *Service) Set(ctx context.Context, p identity.Principal, f wire.SettingsSet) (wire.Settings, error) {
	if err := identity.Allow(p, identity.SettingsOwn); err != nil {
		return wire.Settings{}, err
	}
	if p.Role != identity.Candidate && (f.Hide != nil || f.Insight != nil) {
		return wire.Settings{}, policy.ErrForbidden.With("Only a candidate sets this. Switch to that role.", "仅求职者身份可以设置此项，请切换身份。")
	}
	return s.set(ctx, p.User, f)
}

func (s *Service) set(ctx context.Context, u identity.UserID, f wire.SettingsSet) (wire.Settings, error) {
	f, err := checked(f)
	if err != nil {
		return wire.Settings{}, err
	}
	p, err := s.change(ctx, u, func(d *document) error {
		d.Set = merged(d.Set, f)
		return nil
	})
	if err != nil {
		return wire.Settings{}, err
	}
	s.hub.Push(ctx, u, p.settings)
	return p.settings, nil
}

// Notices are what may be sent to the user beside service notices (T10): the channels of each class, the channels of reminders,
// the first ones first, and the hours without any. Of a closed account there is nothing.
func (s *Service) Notices(ctx context.Context, u identity.UserID) (classes map[string][]string, reminders []string, quiet wire.Quiet, err error) {
	found, err := s.profiles(ctx, u)
	if err != nil || found[0].closed {
		return nil, nil, wire.Quiet{}, err
	}
	set := found[0].settings
	return set.Notices, set.Reminders, set.Quiet, nil
}
