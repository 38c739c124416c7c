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
	users []identity.UserID
	roles []identity.Role
}

func circleOf(seats []Seat) circle {
	c := circle{users: make([]identity.UserID, len(seats)), roles: make([]identity.Role, len(seats))}
	for i, t := range seats {
		c.users[i], c.roles[i] = t.User, t.Role
	}
	return c
}

// has says whether the user is in the conversation in that very role (T1).
func (c circle) has(user identity.UserID, role identity.Role) bool {
	i := slices.Index(c.users, user)
	return i >= 0 && c.roles[i] == role
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
