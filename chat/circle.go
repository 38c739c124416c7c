package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"parley/internal/identity"
	"parley/internal/policy"
)

// circle is who is in a conversation and in which role. It never changes after the conversation was opened.
type circle struct {
	users   []identity.UserID
	parties []Party // in the same order
}

func circleOf(seats []Seat) circle {
	c := circle{users: make([]identity.UserID, len(seats)), parties: make([]Party, len(seats))}
	for i, t := range seats {
		c.users[i], c.parties[i] = t.User, Party{User: t.User, Role: t.Role, Company: t.Company}
	}
	return c
}

// has says whether the user is in the conversation in that very role (T1).
func (c circle) has(user identity.UserID, role identity.Role) bool {
	i := c.index(user)
	return i >= 0 && c.parties[i].Role == role
}

// index is the user's place, -1 for a stranger.
func (c circle) index(user identity.UserID) int { return slices.Index(c.users, user) }

// hasRole says whether anybody is in the conversation in that role.
func (c circle) hasRole(role identity.Role) bool {
	return slices.ContainsFunc(c.parties, func(p Party) bool { return p.Role == role })
}

// others are all members but the user.
func (c circle) others(user identity.UserID) []Party {
	out := make([]Party, 0, len(c.parties))
	for _, p := range c.parties {
		if p.User != user {
			out = append(out, p)
		}
	}
	return out
}

// circles remembers circles: two generations of at most half the size each, the older dropped as the younger is full.
type circles struct {
	mu         sync.Mutex
	half       int
	young, old map[ConversationID]circle
}

func newCircles(size int) *circles {
	return &circles{half: max(1, size/2), young: map[ConversationID]circle{}}
}

func (m *circles) get(id ConversationID) (circle, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.young[id]; ok {
		return c, true
	}
	c, ok := m.old[id]
	if ok {
		m.put(id, c)
	}
	return c, ok
}

func (m *circles) add(id ConversationID, c circle) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(id, c)
}

func (m *circles) put(id ConversationID, c circle) {
	if len(m.young) >= m.half {
		m.old, m.young = m.young, make(map[ConversationID]circle, m.half)
	}
	m.young[id] = c
}

// circle returns who is in the conversation, or policy.ErrNotFound.
func (s *Service) circle(ctx context.Context, id ConversationID) (circle, error) {
	if c, ok := s.circles.get(id); ok {
		return c, nil
	}
	st, err := s.load(ctx, id, "")
	if err != nil {
		return circle{}, err
	}
	c := circleOf(st.Seats)
	s.circles.add(id, c)
	return c, nil
}

// enter is the door of every request about a conversation: the table of authorisation first, then membership in the role
// that the principal acts in. A stranger gets the answer for what does not exist.
func (s *Service) enter(ctx context.Context, p identity.Principal, a identity.Action, id ConversationID) (circle, error) {
	if err := identity.Allow(p, a); err != nil {
		return circle{}, err
	}
	c, err := s.circle(ctx, id)
	if err != nil {
		return circle{}, err
	}
	if !c.has(p.User, p.Role) {
		return circle{}, policy.ErrNotFound
	}
	return c, nil
}

// load is Store.Load in the terms of the doors.
func (s *Service) load(ctx context.Context, id ConversationID, user identity.UserID) (Standing, error) {
	st, err := s.store.Load(ctx, id, user)
	if err != nil {
		return Standing{}, known("load conversation", err)
	}
	return st, nil
}

// known turns the store's ErrUnknown into policy.ErrNotFound and says of any other error what was being done.
func known(what string, err error) error {
	if errors.Is(err, ErrUnknown) {
		return policy.ErrNotFound
	}
	return fmt.Errorf("%s: %w", what, err)
}
