package gateway

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Limits of hello and of what answers it.
const (
	maxDevice   = 64 // bytes
	maxClient   = 128
	maxWelcome  = 100 // conversations in the welcome; the others follow as pushes
	maxResume   = 400 // conversations that are resumed
	pageEntries = 200
	maxGapPages = 5 // of a gap that the server sends by itself; beyond it the client reads
	maxGap      = maxGapPages * pageEntries
)

// open answers the first message, which must be a hello and nothing else; anything else gets no answer. After it the session
// is registered and live.
func (s *session) open(m []byte) error {
	defer s.giveWay()
	f, err := wire.DecodeFrom(wire.Client, m)
	hello, ok := f.Body.(wire.Hello)
	if err != nil || !ok {
		s.g.metrics.unknown.Inc()
		return &ending{code: wire.CloseSignIn, reason: "no_hello"}
	}
	s.g.metrics.received(hello.Kind())
	if !s.admitted {
		return s.turnAway(f.Ref, policy.ErrUnavailable.After(retryBusy))
	}
	return s.enroll(f.Ref, hello)
}

func (s *session) enroll(ref string, hello wire.Hello) error {
	start := time.Now()
	if err := s.signIn(hello); err != nil {
		return s.turnAway(ref, err)
	}
	if err := s.enter(); err != nil {
		return err
	}
	if s.revoked() { // since it was verified; from here a revocation finds the session (T7)
		return s.turnAway(ref, policy.ErrRevoked)
	}
	if err := s.welcome(ref, hello.Resume); err != nil {
		return err
	}
	s.g.metrics.resume.Observe(time.Since(start).Seconds())
	s.nextPing = start.Add(jitter(s.g.limits.Ping / 2))
	s.opened = true
	s.arm()
	return nil
}

func (s *session) signIn(h wire.Hello) error {
	if len(h.Device) > maxDevice || len(h.Client) > maxClient {
		return policy.ErrBadRequest.With("The device or client of hello is too long.", "hello 的 device 或 client 过长。")
	}
	p, err := s.g.cfg.Verifier.Verify(s.ctx, h.Token)
	if err != nil {
		return err
	}
	if err := identity.Allow(p, identity.SessionOpen); err != nil {
		return err
	}
	s.who, s.device = p.User, h.Device
	s.live(p)
	return s.g.limiters.hello(s.who, s.device)
}

// turnAway answers a hello that was refused.
func (s *session) turnAway(ref string, err error) error {
	r := s.refusal(s.ctx, wire.Hello{}.Kind(), err)
	if err := s.send(ref, wireError(r)); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	return &ending{code: codeOf(r), reason: "refused"}
}

func codeOf(r *policy.Refusal) wire.Close {
	switch {
	case errors.Is(r, policy.ErrExpired):
		return wire.CloseExpired
	case errors.Is(r, policy.ErrRevoked):
		return wire.CloseRevoked
	case errors.Is(r, policy.ErrRateLimited):
		return wire.CloseFlood
	case r.Retry:
		return wire.CloseInternal
	}
	return wire.CloseSignIn
}

// enter registers the live route. From here pushes queue up, and none is written before the welcome.
func (s *session) enter() error {
	oldest, first := s.g.sessions.add(s, s.g.limits.PerUser)
	if oldest != nil {
		oldest.box.end(replaced())
	}
	if first {
		s.g.presence.stir(s.who)
	}
	s.g.metrics.sessions.Inc()
	s.entered, s.attached = true, true
	if err := s.g.cfg.Bus.Attach(s.ctx, string(s.who), s.g.cfg.Node); err != nil {
		// Without the route nothing is lost: the heads in the pings show what is new.
		s.attached = false
		s.g.log.LogAttrs(s.ctx, slog.LevelWarn, "a session could not be attached to the bus", slog.Any("err", err))
	}
	if s.g.draining.Load() {
		return s.g.drained()
	}
	return nil
}

func (s *session) welcome(ref string, resume map[string]uint64) error {
	w := wire.Welcome{
		Session: s.id, User: string(s.p.User), Role: string(s.p.Role), Time: time.Now().UTC(), Until: s.p.Until().UTC(),
		PingSeconds: int(s.g.limits.Ping.Seconds()), Conversations: []wire.Conversation{}, Interviews: []wire.Interview{},
	}
	list, err := s.conversations()
	if err != nil {
		return s.turnAway(ref, err)
	}
	if w.Interviews, err = s.active(); err != nil {
		return s.turnAway(ref, err)
	}
	for _, view := range w.Interviews {
		s.note(view)
	}
	w.Conversations = list[:min(len(list), maxWelcome)]
	if err := s.send(ref, shortened(w)); err != nil {
		return err
	}
	for _, c := range list[len(w.Conversations):] {
		if err := s.send("", wire.ChatConversation{Conversation: c}); err != nil {
			return err
		}
	}
	return s.resume(resume)
}

// shortened leaves the last entries out of a welcome that is too large with them.
func shortened(w wire.Welcome) wire.Welcome {
	size := 0
	for i, c := range w.Conversations {
		if c.Last == nil {
			continue
		}
		if size += len(c.Last.Content); size > wire.MaxAnswer/2 {
			w.Conversations[i].Last = nil
		}
	}
	return w
}

// conversations lists what the principal may read and starts each at its head.
func (s *session) conversations() ([]wire.Conversation, error) {
	if identity.Allow(s.p, identity.ConversationRead) != nil {
		return []wire.Conversation{}, nil
	}
	list, err := s.g.cfg.Chat.List(s.ctx, s.p)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		s.marks.set(c.ID, position{pushed: c.Head, told: c.Head})
	}
	if list == nil {
		list = []wire.Conversation{}
	}
	return list, nil
}

// resume sends what the client does not hold. The live route stands already, so an entry that is committed meanwhile is
// found here or queues up behind, or both; deliver drops what was pushed before.
func (s *session) resume(held map[string]uint64) error {
	ids := slices.Sorted(maps.Keys(held))
	for _, id := range ids[:min(len(ids), maxResume)] {
		m, known := s.marks.get(id)
		if !known {
			view, err := s.g.cfg.Chat.View(s.ctx, s.p, chat.ConversationID(id))
			if err != nil {
				continue // not one of the principal's, or no longer
			}
			m = position{told: view.Head}
			m.pushed = view.Head
		}
		head := m.pushed
		m.pushed = min(held[id], head)
		s.marks.set(id, m)
		if err := s.catchUp(id, head); err != nil {
			return err
		}
	}
	return nil
}
