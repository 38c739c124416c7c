package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/bus"
)

// Presence decides who is shown to whom. Who hides from somebody is to that one as if never here.
type Presence interface {
	// Visible returns those of the users whom the viewer may see being here and typing. It is asked often: it must be quick.
	Visible(ctx context.Context, viewer identity.Principal, users []identity.UserID) ([]identity.UserID, error)
}

// Limits of who is watched.
const (
	maxWatched   = 50              // conversations of a session; the one asked for longest ago gives way
	presenceBeat = 2 * time.Second // between two hints of who came and left; who is back within it never left
	presenceHint = 500             // users in one
)

// watch is a conversation whose members a client watches.
type watch struct {
	conversation string
	others       []identity.UserID
	told         []string
}

// presence knows who is watched from this node, and who came or left here and was not told of yet. That somebody came or left
// is told to all nodes in one hint for many, without saying which of the two: who is watched is then asked anew, so that a hint
// that comes late says nothing wrong. Any goroutine may call it.
type presence struct {
	mu       sync.Mutex
	stirred  map[identity.UserID]struct{}
	watchers map[identity.UserID]map[*session]struct{}
	wake     chan struct{}
}

func newPresence() presence {
	return presence{
		stirred: map[identity.UserID]struct{}{}, watchers: map[identity.UserID]map[*session]struct{}{}, wake: make(chan struct{}, 1),
	}
}

// stir notes that the user came to the node or left it.
func (p *presence) stir(user identity.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stirred[user] = struct{}{}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *presence) take() []identity.UserID {
	p.mu.Lock()
	defer p.mu.Unlock()
	users := slices.Collect(maps.Keys(p.stirred))
	p.stirred = map[identity.UserID]struct{}{}
	return users
}

func (p *presence) watch(s *session, users []identity.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		if p.watchers[u] == nil {
			p.watchers[u] = map[*session]struct{}{}
		}
		p.watchers[u][s] = struct{}{}
	}
}

func (p *presence) unwatch(s *session, users []identity.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		if delete(p.watchers[u], s); len(p.watchers[u]) == 0 {
			delete(p.watchers, u)
		}
	}
}

// of returns the sessions that watch one of the users.
func (p *presence) of(users []identity.UserID) map[*session]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[*session]struct{}{}
	for _, u := range users {
		maps.Copy(all, p.watchers[u])
	}
	return all
}

// tellPresence tells all nodes who came and left, a beat after the first of them did, until ctx ends.
func (g *Gateway) tellPresence(ctx context.Context) {
	beat := time.NewTimer(0)
	defer beat.Stop()
	for {
		select {
		case <-g.presence.wake:
		case <-ctx.Done():
			return
		}
		beat.Reset(presenceBeat)
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
		for users := range slices.Chunk(g.presence.take(), presenceHint) {
			g.hub.stirred(users)
		}
	}
}

func (g *Gateway) receivePresence(_ context.Context, _ []*session, b []byte) error {
	var users []identity.UserID
	if err := json.Unmarshal(b, &users); err != nil {
		return fmt.Errorf("decode presence: %w", err)
	}
	for s := range g.presence.of(users) {
		s.box.stir()
	}
	return nil
}

// chatPresence answers who of the conversation's other members is here, and watches them from now on.
func (s *session) chatPresence(ctx context.Context, f wire.ChatPresence) (wire.Body, error) {
	if s.g.cfg.Presence == nil {
		return nil, policy.ErrUnavailable
	}
	members, err := s.g.cfg.Chat.Enter(ctx, s.p, identity.ConversationRead, chat.ConversationID(f.Conversation))
	if err != nil {
		return nil, err
	}
	w := watch{conversation: f.Conversation, others: others(members)}
	s.unwatch(f.Conversation)
	if len(s.watched) >= maxWatched {
		s.unwatch(s.watched[0].conversation)
	}
	s.g.presence.watch(s, w.others)
	here, err := s.here(ctx, w.others)
	if errors.Is(err, bus.ErrAlone) {
		err = policy.ErrUnavailable.After(retryBusy)
	}
	if err != nil {
		s.g.presence.unwatch(s, w.others)
		return nil, err
	}
	w.told = here.among(w.others)
	s.watched = append(s.watched, w)
	return wire.Presence{Conversation: f.Conversation, Here: w.told}, nil
}

// others are the members but the principal, who is the first.
func others(members []chat.Party) []identity.UserID {
	users := make([]identity.UserID, 0, len(members)-1)
	for _, m := range members[1:] {
		users = append(users, m.User)
	}
	return users
}

// unwatch forgets one conversation. Its members are watched on where another conversation has them.
func (s *session) unwatch(conversation string) {
	i := slices.IndexFunc(s.watched, func(w watch) bool { return w.conversation == conversation })
	if i < 0 {
		return
	}
	gone := s.watched[i].others
	s.watched = slices.Delete(s.watched, i, i+1)
	s.g.presence.unwatch(s, slices.DeleteFunc(gone, func(u identity.UserID) bool {
		return slices.ContainsFunc(s.watched, func(w watch) bool { return slices.Contains(w.others, u) })
	}))
}

func (s *session) unwatchAll() {
	for _, w := range s.watched {
		s.g.presence.unwatch(s, w.others)
	}
	s.watched = nil
}

// present is who of some users is here.
type present map[identity.UserID]bool

func (p present) among(users []identity.UserID) []string {
	here := []string{}
	for _, u := range users {
		if p[u] {
			here = append(here, string(u))
		}
	}
	return here
}

// here asks who of the users the principal may see being here, and who of those is. About the others it asks as about somebody who
// is nowhere, so that it takes as long.
func (s *session) here(ctx context.Context, users []identity.UserID) (present, error) {
	visible, err := s.g.cfg.Presence.Visible(ctx, s.p, users)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	names := make([]string, len(users))
	for i, u := range users {
		if slices.Contains(visible, u) {
			names[i] = string(u)
		}
	}
	online, err := s.g.cfg.Bus.Online(ctx, names)
	if err != nil {
		return nil, err
	}
	p := present{}
	for i, u := range users {
		p[u] = online[i] && names[i] != ""
	}
	return p, nil
}

// lookWho tells the client of the conversations it watches where somebody came or left. What can't be asked just now is asked
// at the next ping.
func (s *session) lookWho() error {
	if len(s.watched) == 0 {
		return nil
	}
	var users []identity.UserID
	for _, w := range s.watched {
		users = append(users, w.others...)
	}
	slices.Sort(users)
	here, err := s.here(s.ctx, slices.Compact(users))
	if errors.Is(err, bus.ErrAlone) {
		return nil
	}
	if err != nil {
		_ = s.refusal(s.ctx, wire.Presence{}.Kind(), err) // logs it
		return nil
	}
	for i := range s.watched {
		w := &s.watched[i]
		now := here.among(w.others)
		if slices.Equal(now, w.told) {
			continue
		}
		w.told = now
		if err := s.send("", wire.Presence{Conversation: w.conversation, Here: now}); err != nil {
			return err
		}
	}
	return nil
}
