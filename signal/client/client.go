package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"parley/signal/wire"
)

// Options say how a session connects. Zero fields mean the defaults named.
type Options struct {
	Device string // stable id of the device, needed to take back an interview's seat; none
	Client string // name and version of the software; "parley-go"
	Lang   string // "zh"

	// Resume is what an earlier session held ([Session.Held]): what follows comes as pushes first. Nil starts each
	// conversation at its head.
	Resume map[string]uint64
	// Token gives a new token when the old one was refused or has expired; nil keeps the first one for ever.
	Token func(context.Context) (string, error)
	// Push gets every frame that answers no request, one at a time: each conversation's chat.entry frames in ascending
	// order and without a gap, except where the server has truncated; a member's cursors only
	// as they move forward. It must not wait for an answer on the session.
	Push func(wire.Body)
	// HTTP dials; http.DefaultClient.
	HTTP *http.Client
	// Delay is the first delay before coming back, doubled up to MaxDelay; 200 ms and 10 s.
	Delay, MaxDelay time.Duration
}

func (o Options) withDefaults() Options {
	if o.Client == "" {
		o.Client = "parley-go"
	}
	if o.Push == nil {
		o.Push = func(wire.Body) {}
	}
	if o.Delay <= 0 {
		o.Delay = 200 * time.Millisecond
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = 10 * time.Second
	}
	return o
}

// Refused is an error frame of the server.
type Refused wire.Error

// Error is the id and the English text.
func (r *Refused) Error() string { return r.ID + ": " + r.Text["en"] }

// Is compares by id, for errors.Is(err, client.Refusal("not_found")).
func (r *Refused) Is(target error) bool {
	t, ok := target.(*Refused)
	return ok && t.ID == r.ID
}

// Refusal is a refusal of that id, to compare with.
func Refusal(id string) error { return &Refused{ID: id} }

// Errors of sessions.
var (
	// ErrLost says that the connection was lost before the answer came: whether the request took effect is unknown.
	ErrLost = errors.New("client: connection lost before the answer")
	// ErrClosed says that the session was closed or gave up; [Session.Err] says why.
	ErrClosed = errors.New("client: session is closed")
)

// Session is one user's session. Any goroutine may call it.
type Session struct {
	url string
	opt Options
	log *journal

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	token   string
	conn    *websocket.Conn // nil while away
	up      chan struct{}   // closed while connected
	waiting map[string]chan wire.Body
	ref     uint64
	welcome wire.Welcome
	wait    time.Duration    // what the server's bye asked for
	calls   map[string]*Call // by interview
}

// Dial connects, says hello and returns once the server has answered. The session lives until Close, whatever becomes of
// ctx afterwards. A refused hello is a *Refused.
func Dial(ctx context.Context, url, token string, o Options) (*Session, error) {
	s := &Session{
		url: url, opt: o.withDefaults(), token: token,
		up: make(chan struct{}), waiting: map[string]chan wire.Body{}, calls: map[string]*Call{},
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.log = newJournal(o.Resume, s.opt.Push, s.fetch, s.work.Go)
	conn, err := s.connect(ctx)
	if err != nil {
		s.cancel(err)
		return nil, err
	}
	s.work.Go(func() { s.run(conn) })
	return s, nil
}

// Welcome is the server's last answer to hello.
func (s *Session) Welcome() wire.Welcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcome
}

// Held is the last seq held of each conversation, without a gap below it; see [Options.Resume].
func (s *Session) Held() map[string]uint64 { return s.log.cursors() }

// Done is closed when the session has ended for good; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.ctx.Done() }

// Err is why the session ended; nil while it lives.
func (s *Session) Err() error { return context.Cause(s.ctx) }

// Close ends the session and waits for its goroutines.
func (s *Session) Close() error {
	s.cancel(ErrClosed)
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Close(websocket.StatusNormalClosure, "")
	}
	s.work.Wait()
	return nil
}

// Break cuts the connection without a word, as a network does; the session comes back by itself.
func (s *Session) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.CloseNow()
	}
}

// run reads until the connection is lost and comes back until the session ends.
func (s *Session) run(conn *websocket.Conn) {
	for {
		err := s.read(conn)
		s.down(conn)
		code := wire.Close(max(0, websocket.CloseStatus(err)))
		if s.ctx.Err() == nil && !s.mayReturn(code) {
			s.cancel(fmt.Errorf("%w: closed by the server with code %d", ErrClosed, code))
		}
		former := s.Welcome().Session
		if conn = s.comeBack(); conn == nil {
			return
		}
		s.resumeCalls(former)
	}
}

func (s *Session) mayReturn(c wire.Close) bool {
	switch c.Action() {
	case wire.Stay:
		return false
	case wire.SignIn:
		return s.newToken()
	}
	return true
}

// newToken asks for another token; false when there is none to be had.
func (s *Session) newToken() bool {
	if s.opt.Token == nil {
		return false
	}
	t, err := s.opt.Token(s.ctx)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = t
	return true
}

func (s *Session) comeBack() *websocket.Conn {
	delay := s.opt.Delay
	for {
		if !s.pause(delay) {
			return nil
		}
		delay = min(2*delay, s.opt.MaxDelay)
		conn, err := s.connect(s.ctx)
		if err == nil {
			return conn
		}
		if r, ok := errors.AsType[*Refused](err); ok && !r.Retry && !s.newToken() {
			s.cancel(err)
			return nil
		}
	}
}

// pause waits between half of and all of d, at least as long as the server's last bye asked for; false when the session
// has ended.
func (s *Session) pause(d time.Duration) bool {
	s.mu.Lock()
	d = max(d/2+rand.N(d/2+1), s.wait)
	s.wait = 0
	s.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// down marks the connection as gone and fails what waits for answers.
func (s *Session) down(conn *websocket.Conn) {
	_ = conn.CloseNow()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.up = nil, make(chan struct{})
	for ref, c := range s.waiting {
		close(c)
		delete(s.waiting, ref)
	}
}
