package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"parley/internal/identity"
	"parley/signal/interview"
	"parley/signal/wire"
)

// Limits of a session that need no setting.
const (
	maxBad       = 10                     // frames that are none, before the session ends
	maxMissed    = 2                      // pings without a pong
	maxSeats     = 8                      // interviews joined at once
	messageBytes = 64 << 10               // a batch is written once it has this much
	farewell     = 2 * time.Second        // for the peer's close frame
	floodGrace   = 100 * time.Millisecond // the same, for who has been flooding
	leaveTimeout = 5 * time.Second        // for telling the bus
)

// session is one connection. Everything below "owner" is touched by the owner goroutine alone; the rest is set before it
// starts or is safe by itself.
type session struct {
	g    *Gateway
	id   string
	conn *websocket.Conn
	net  net.Conn // beneath conn, for deadlines
	in   chan []byte
	box  outbox

	ctx    context.Context // of the handlers
	cancel context.CancelFunc

	who   identity.UserID       // set by hello, before the session is registered
	token atomic.Pointer[token] // that it lives by; set by hello and by renewals

	// owner
	p        identity.Principal
	device   string
	marks    map[string]position
	foreign  map[string]struct{}       // conversations hinted at that are not this principal's
	seats    map[interview.ID]struct{} // interviews joined from here
	running  map[interview.ID]struct{} // interviews that the client has seen and not seen end
	entered  bool                      // registered
	attached bool                      // to the bus
	out      []byte
	frames   int
	limiter  *rate.Limiter
	strikes  *rate.Limiter
	bad      int
	missed   int
	nextPing time.Time
	timer    *time.Timer
}

// position is how far the client is in a conversation's log.
type position struct {
	pushed uint64 // the last seq that was pushed, or told as the head to start from
	told   uint64 // the last head that a ping, or the welcome, has told
}

func newSession(g *Gateway, conn *websocket.Conn, raw net.Conn) *session {
	s := &session{
		g: g, id: uuid.Must(uuid.NewV7()).String(), conn: conn, net: raw,
		in: make(chan []byte), box: newOutbox(g.limits.Queue),
		marks: map[string]position{}, seats: map[interview.ID]struct{}{},
		limiter: rate.NewLimiter(rate.Limit(g.limits.Frames), g.limits.Burst), strikes: rate.NewLimiter(1, g.limits.Refused),
	}
	s.ctx, s.cancel = context.WithCancel(g.base)
	return s
}

// run is the owner: it opens the session, serves it and ends it.
func (s *session) run() {
	defer s.g.owners.Done()
	defer s.cancel()
	err := s.survive(s.open)
	if err == nil {
		go s.read()
		err = s.survive(s.serve)
	}
	s.end(err)
	s.leave(err)
}

// survive calls f, which may panic: that costs the session, and nobody else anything.
func (s *session) survive(f func() error) (err error) {
	defer func() {
		broken := recover()
		if broken == nil {
			return
		}
		s.g.log.LogAttrs(s.ctx, slog.LevelError, "a session panicked", slog.String("kind", fmt.Sprintf("%T", broken)),
			slog.String("stack", string(debug.Stack()))) // its words may be a person's
		err = &ending{code: wire.CloseInternal, reason: "internal"}
	}()
	return f()
}

// read is the reader: it hands each message to the owner, so that a client is read no faster than it is served. A message
// that is no text counts as an empty frame.
func (s *session) read() {
	defer close(s.in)
	for {
		typ, b, err := s.conn.Read(context.Background())
		if err != nil {
			s.box.end(lostBy(err))
			return
		}
		if typ != websocket.MessageText {
			b = nil
		}
		select {
		case s.in <- b:
		case <-s.ctx.Done():
			return
		}
	}
}

// lostBy says why reading ended: a message over the limit, the client's close, or a connection that broke.
func lostBy(err error) *ending {
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &ending{code: wire.CloseTooBig, reason: "too_big"}
	case websocket.CloseStatus(err) >= 0:
		return &ending{code: wire.CloseNormal, reason: "client"}
	}
	return errLost
}

// serve is the owner's loop. It returns why the session ends.
func (s *session) serve() error {
	s.timer = time.NewTimer(time.Until(s.due()))
	defer s.timer.Stop()
	for {
		if e := s.box.ended(); e != nil {
			return e
		}
		if err := s.turn(); err != nil {
			return err
		}
		if err := s.join(); err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// turn waits for the next thing and does it.
func (s *session) turn() error {
	select {
	case m, ok := <-s.in:
		if !ok {
			return s.box.ended() // the reader has said why
		}
		return s.message(m)
	case <-s.box.wake:
		return s.deliver()
	case <-s.ctx.Done():
		if e := s.box.ended(); e != nil {
			return e
		}
		return errLost
	case now := <-s.timer.C:
		defer func() { s.timer.Reset(time.Until(s.due())) }()
		return s.tick(now)
	}
}

// join adds what others have for the client by now, its own entry above all, to the message that is about to go out: one
// write costs more than what is in it.
func (s *session) join() error {
	if s.frames == 0 {
		return nil
	}
	select {
	case <-s.box.wake:
		return s.deliver()
	default:
		return nil
	}
}

// due is when something has to be done without being asked.
func (s *session) due() time.Time {
	if until := s.p.Until(); until.Before(s.nextPing) {
		return until
	}
	return s.nextPing
}

// write adds a frame to the message that the next flush sends.
func (s *session) write(k wire.Kind, line []byte) error {
	if s.frames == wire.MaxFrames || s.frames > 0 && len(s.out)+len(line) > messageBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.frames > 0 {
		s.out = append(s.out, '\n')
	}
	s.out = append(s.out, line...)
	s.frames++
	s.g.metrics.out[k].Inc()
	return nil
}

func (s *session) send(ref string, body wire.Body) error {
	line, err := wire.Encode(wire.Frame{Ref: ref, Body: body})
	if err != nil {
		return err
	}
	return s.write(body.Kind(), line)
}

// flush writes what was added as one message. A client that takes nothing for too long is given up.
func (s *session) flush() error { return s.flushWithin(s.g.limits.Stall) }

func (s *session) flushWithin(d time.Duration) error {
	if s.frames == 0 {
		return nil
	}
	_ = s.net.SetWriteDeadline(time.Now().Add(d))
	err := s.conn.Write(context.Background(), websocket.MessageText, s.out)
	_ = s.net.SetWriteDeadline(time.Time{}) // the reader answers WebSocket pings without one of ours
	s.frames, s.out = 0, s.out[:0]
	if cap(s.out) > slimBuffer {
		s.out = nil // most sessions are idle most of the time
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return &ending{code: wire.CloseStalled, reason: "stalled"}
	}
	if err != nil {
		return errLost
	}
	return nil
}

// end closes the transport, before anything is cleaned up, and with a word of why where the client can still hear it.
func (s *session) end(err error) {
	s.cancel()
	e, ok := errors.AsType[*ending](err)
	if !ok {
		_ = s.refusal(context.Background(), "", err) // a frame that could not be encoded
		e = &ending{code: wire.CloseInternal, reason: "internal"}
	}
	s.g.metrics.closed.WithLabelValues(e.reason).Inc()
	if e == errLost || e.code == wire.CloseStalled {
		_ = s.conn.CloseNow()
		return
	}
	if e.last != nil {
		_ = s.send("", e.last)
	}
	_ = s.flushWithin(farewell)
	wait := farewell
	if e.code == wire.CloseFlood {
		wait = floodGrace
	}
	_ = s.net.SetDeadline(time.Now().Add(wait))
	s.conn.Close(websocket.StatusCode(e.code), e.reason)
}

// leave takes back what enter did. Seats are held for a connection that may come back; one that was shut out loses them,
// and its media with them (T7).
func (s *session) leave(why error) {
	if !s.entered {
		return
	}
	s.g.sessions.remove(s)
	s.g.metrics.sessions.Dec()
	s.giveUpSeats(why)
	if !s.attached {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := s.g.cfg.Bus.Detach(ctx, string(s.who), s.g.cfg.Node); err != nil {
		s.g.log.LogAttrs(ctx, slog.LevelWarn, "a session could not be detached from the bus", slog.Any("err", err))
	}
}

func (s *session) giveUpSeats(why error) {
	e, ok := errors.AsType[*ending](why)
	shutOut := ok && e.code.Action() == wire.SignIn
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	for id := range s.seats {
		if !shutOut {
			s.g.cfg.Interviews.Gone(s.p, id, s.id)
			continue
		}
		if err := s.g.cfg.Interviews.Leave(ctx, s.p, id, s.id); err != nil {
			s.g.log.LogAttrs(ctx, slog.LevelWarn, "a seat could not be taken back", slog.String("interview", string(id)), slog.Any("err", err))
		}
	}
}
