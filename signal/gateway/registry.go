package gateway

import (
	"slices"
	"sync"

	"parley/internal/identity"
)

// registry knows the live sessions of the node by user, in the order in which they came.
type registry struct {
	mu    sync.RWMutex
	users map[identity.UserID][]*session
	n     int
}

// add lets a session in and returns the user's oldest one if there are now more than most of them, and whether this is the
// user's first.
func (r *registry) add(s *session, most int) (oldest *session, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	user := s.who
	if len(r.users[user]) >= most {
		oldest = r.users[user][0]
		r.drop(oldest)
	}
	r.users[user] = append(r.users[user], s)
	r.n++
	return oldest, len(r.users[user]) == 1
}

// remove says whether that was the user's last session.
func (r *registry) remove(s *session) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(s)
	return len(r.users[s.who]) == 0
}

func (r *registry) drop(s *session) {
	user := s.who
	i := slices.Index(r.users[user], s)
	if i < 0 {
		return
	}
	r.n--
	if len(r.users[user]) == 1 {
		delete(r.users, user)
		return
	}
	// A copy, because of may still be walking over the old one.
	r.users[user] = slices.Concat(r.users[user][:i], r.users[user][i+1:])
}

// of returns the sessions of a user; the slice is only to be read.
func (r *registry) of(user identity.UserID) []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.users[user]
	return s[:len(s):len(s)]
}

func (r *registry) all() []*session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*session, 0, r.n)
	for _, s := range r.users {
		all = append(all, s...)
	}
	return all
}

func (r *registry) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.n
}
