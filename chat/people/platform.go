package people

import (
	"context"
	"fmt"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// MaxQuota is the highest limit of first contacts a day.
const MaxQuota = 100_000

// manage is the door of what the platform does for a user.
func manage(p identity.Principal, u identity.UserID) error {
	if err := identity.Allow(p, identity.PeopleManage); err != nil {
		return err
	}
	if !plain(string(u), identity.MaxUserID) {
		return policy.ErrBadRequest.With("The user id is empty, too long or not printable.", "用户标识无效。")
	}
	return nil
}

// SettingsOf are a user's settings, for the platform.
func (s *Service) SettingsOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Settings, error) {
	if err := manage(p, u); err != nil {
		return wire.Settings{}, err
	}
	return s.settingsFor(ctx, u)
}

// SetOf replaces those of a user's settings that are there, for the platform, and tells the user's sessions.
func (s *Service) SetOf(ctx context.Context, p identity.Principal, u identity.UserID, f wire.SettingsSet) (wire.Settings, error) {
	if err := manage(p, u); err != nil {
		return wire.Settings{}, err
	}
	return s.set(ctx, u, f)
}

// BlocksOf lists whom a user blocks, the newest first, for the platform.
func (s *Service) BlocksOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Blocks, error) {
	if err := manage(p, u); err != nil {
		return wire.Blocks{}, err
	}
	return s.blocksFor(ctx, u)
}

// BlockOf has a user block the user or the company that b names, for the platform; with off not any more. b.Conversation may be
// empty, b.Since is not looked at.
func (s *Service) BlockOf(ctx context.Context, p identity.Principal, u identity.UserID, b wire.Blocked, off bool) error {
	if err := manage(p, u); err != nil {
		return err
	}
	if (b.User == "") == (b.Company == "") || !plain(b.User+b.Company, identity.MaxUserID) || b.User == string(u) {
		return policy.ErrBadRequest.With("Name either another user or a company.", "请只填写另一位用户或一家公司。")
	}
	return s.block(ctx, u, b, off)
}

// QuotaOf says how many conversations a user may still start today, for the platform.
func (s *Service) QuotaOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Quota, error) {
	if err := manage(p, u); err != nil {
		return wire.Quota{}, err
	}
	return s.quotaFor(ctx, u)
}

// LimitOf sets how many conversations a user may start a day, nil for the normal number, and tells the user's sessions.
func (s *Service) LimitOf(ctx context.Context, p identity.Principal, u identity.UserID, limit *int) (wire.Quota, error) {
	if err := manage(p, u); err != nil {
		return wire.Quota{}, err
	}
	if limit != nil && (*limit < 0 || *limit > MaxQuota) {
		return wire.Quota{}, policy.ErrBadRequest.With("The limit must be between 0 and 100000.", "限额须在0至100000之间。")
	}
	known, err := s.own(ctx, u)
	if err != nil {
		return wire.Quota{}, err
	}
	if err := s.store.SetLimit(ctx, known.owner, limit); err != nil {
		return wire.Quota{}, fmt.Errorf("set limit: %w", err)
	}
	q, err := s.quotaFor(ctx, u)
	if err == nil {
		s.hub.Push(ctx, u, q)
	}
	return q, err
}

// Close closes a user's account for ever (R4): from then on it is refused like one that blocks or hides from everybody, and
// what the user set is erased. Tokens and sessions are for others to end. Repeating it completes what a crash left: between the
// two steps the account is closed, and its document gone from the database but not from backups.
func (s *Service) Close(ctx context.Context, p identity.Principal, u identity.UserID) error {
	if err := manage(p, u); err != nil {
		return err
	}
	defer s.cache.drop(u)
	h, err := s.hasher(ctx)
	if err != nil {
		return err
	}
	if err := s.store.Close(ctx, h.owner(u), s.now()); err != nil {
		return fmt.Errorf("close account: %w", err)
	}
	if err := s.vault.Destroy(ctx, Key(u)); err != nil {
		return fmt.Errorf("destroy key of a closed account: %w", err)
	}
	return nil
}
