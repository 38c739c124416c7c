package interview

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/policy"
)

// inboxSize bounds the requests that wait for one owner; beyond it callers wait themselves.
const inboxSize = 64

// request is one thing the owner is to do. A caller that went away before its turn is skipped.
type request struct {
	ctx  context.Context
	do   func(context.Context, *session) error
	done chan error // of capacity 1
}

// ask has the interview's owner do something and returns what it answered. The owner's own steps outlive a caller that
// goes away in the middle.
func (s *Service) ask(ctx context.Context, id ID, do func(context.Context, *session) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	x, err := s.enter(id)
	if err != nil {
		return err
	}
	q := &request{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case x.inbox <- q: // from here on the owner leaves the door for us
	case <-ctx.Done():
		s.leave(x)
		return waited(ctx)
	case <-x.stopped:
		return policy.ErrUnavailable
	}
	select {
	case err := <-q.done:
		return err
	case <-ctx.Done():
		return waited(ctx)
	case <-x.stopped:
	}
	select { // it may have been the last thing done
	case err := <-q.done:
		return err
	default:
		return policy.ErrUnavailable
	}
}

func waited(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return policy.ErrUnavailable.After(time.Second)
	}
	return fmt.Errorf("wait for interview: %w", ctx.Err())
}

// enter gives the owner of the interview, started if there is none, and keeps it from retiring until leave.
func (s *Service) enter(id ID) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return nil, policy.ErrUnavailable
	}
	x := s.sessions[id]
	if x == nil {
		x = newSession(s, id)
		s.sessions[id] = x
		s.work.Go(x.run)
	}
	x.refs++
	return x, nil
}

func (s *Service) leave(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.refs--
	s.retire(x)
}

// rest is the owner's word whether there is nothing it must stay for, and how many callers it served since it last said
// so.
func (s *Service) rest(x *session, idle bool, served int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.idle = idle
	x.refs -= served
	s.retire(x)
}

// retire lets go of an owner that has nothing to do and nobody at its door. The caller holds mu.
func (s *Service) retire(x *session) {
	if x.refs == 0 && x.idle && s.sessions[x.id] == x {
		delete(s.sessions, x.id)
		close(x.quit)
	}
}

// session gives the owner if there is one, without keeping it.
func (s *Service) session(id ID) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// all gives every owner there is.
func (s *Service) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		list = append(list, x)
	}
	return list
}

// reserve takes one of the node's rooms; refused when all are taken, or when all were handed over.
func (s *Service) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handed {
		return policy.ErrUnavailable.After(2 * time.Second)
	}
	if s.rooms >= s.cfg.MaxInterviews {
		return policy.ErrUnavailable.With("All interview rooms are in use. Please try again shortly.", "面试间已满，请稍后再试。")
	}
	s.rooms++
	s.metrics.active.Set(float64(s.rooms))
	return nil
}

func (s *Service) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms--
	s.metrics.active.Set(float64(s.rooms))
	signal(s.vacant)
}
