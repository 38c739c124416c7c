package gateway

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// What keeps a session: hello once, renewals, pings, and the notices.

func (s *session) helloAgain(context.Context, wire.Hello) (wire.Body, error) {
	return nil, policy.ErrBadRequest.With("This connection has said hello already. Use renew for a new token.", "此连接已完成 hello，请用 renew 更换令牌。")
}

// renew takes a newer token of the same user in the same role: a session never changes hands (T1), and what is not
// verified any more ends with the old token (T7).
func (s *session) renew(ctx context.Context, r wire.Renew) error {
	p, err := s.g.cfg.Verifier.Verify(ctx, r.Token)
	if err != nil {
		return err
	}
	if p.User != s.p.User || p.Role != s.p.Role {
		return policy.ErrForbidden.With("A session can only be renewed for the same user in the same role.", "续期令牌的用户与身份须与当前会话一致。")
	}
	s.live(p)
	if s.g.cfg.Interviews != nil {
		s.g.cfg.Interviews.Renew(p)
	}
	s.arm()
	return nil
}

func (s *session) ping(context.Context, wire.Ping) (wire.Body, error) {
	return wire.Pong{Time: time.Now().UTC()}, nil
}

func (s *session) pong(context.Context, wire.Pong) (wire.Body, error) {
	s.missed = 0
	return nil, nil
}

func (s *session) text(_ context.Context, t wire.TextGet) (wire.Body, error) {
	if err := identity.Allow(s.p, identity.TextRead); err != nil {
		return nil, err
	}
	text, ok := s.g.cfg.Texts.Get(t.Version)
	if !ok {
		return nil, policy.ErrNotFound
	}
	return wire.Text{Version: text.Version, Purpose: string(text.Purpose), Title: text.Title, Body: text.Body, RetentionMonths: text.RetentionMonths}, nil
}

// tick does what is due: the end of a session that was not renewed, and the ping.
func (s *session) tick(now time.Time) error {
	if !now.Before(s.p.Until()) {
		return &ending{code: wire.CloseExpired, reason: "expired", last: wire.Bye{Reason: "expired"}}
	}
	if now.Before(s.nextPing) {
		return nil
	}
	if s.missed >= maxMissed {
		return &ending{code: wire.CloseSilent, reason: "silent"}
	}
	if s.revoked() {
		return revoked()
	}
	s.missed++
	s.nextPing = now.Add(s.g.limits.Ping)
	return s.pingClient(now)
}

// revoked asks whether the token was taken back meanwhile, in case the hint of it was lost (T7).
func (s *session) revoked() bool {
	if s.g.cfg.Revocations == nil {
		return false
	}
	yes, err := s.g.cfg.Revocations.Revoked(s.ctx, s.p.User, s.p.TokenID, s.p.Issued)
	if err != nil {
		s.g.log.LogAttrs(s.ctx, slog.LevelWarn, "revocations can't be asked", slog.Any("err", err))
	}
	return yes && err == nil
}

// pingClient tells the heads of what changed since the last ping and pushes what hints failed to.
func (s *session) pingClient(now time.Time) error {
	if _, err := s.deliver(); err != nil {
		return err
	}
	if err := s.lookWho(); err != nil { // in case that a hint was lost
		return err
	}
	heads := s.heads()
	news := map[string]uint64{}
	for id, head := range heads {
		if m, known := s.marks.get(id); known && head > m.told {
			m.told = head
			s.marks.set(id, m)
			news[id] = head
		}
	}
	if err := s.send("", wire.Ping{Time: now.UTC(), Heads: news}); err != nil {
		return err
	}
	return s.repair(heads)
}

// repair pushes what the hints did not bring, conversations that are new included.
func (s *session) repair(heads map[string]uint64) error {
	for _, id := range slices.Sorted(maps.Keys(heads)) {
		if ours, err := s.ours(id); err != nil {
			return err
		} else if m, _ := s.marks.get(id); !ours || m.pushed >= heads[id] {
			continue
		}
		if err := s.catchUp(id, heads[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) heads() map[string]uint64 {
	if identity.Allow(s.p, identity.ConversationRead) != nil {
		return nil
	}
	heads, err := s.g.cfg.Chat.Heads(s.ctx, s.p)
	if err != nil {
		_ = s.refusal(s.ctx, wire.Ping{}.Kind(), err) // logs it; the ping goes out without heads
	}
	out := make(map[string]uint64, len(heads))
	for id, head := range heads {
		out[string(id)] = head
	}
	return out
}
