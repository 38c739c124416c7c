package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"parley/chat/crowd"
	"parley/internal/identity"
	"parley/internal/limit"
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

// session is one connection. Everything below "owner" is touched by the owner alone, see [role]; the rest is set before there
// is one or is safe by itself.
type session struct {
	g    *Gateway
	id   string
	conn *websocket.Conn
	net  *meter // beneath conn
	box  outbox
	role role

	doing atomic.Pointer[context.CancelFunc] // ends what the owner is doing

	who   identity.UserID       // set by hello, before the session is registered
	token atomic.Pointer[token] // that it lives by; set by hello and by renewals

	beside limit.Bucket // of what came that was no message; the reader's

	// owner
	ctx      context.Context // of the handlers; while there is an owner
	p        identity.Principal
	device   string
	opened   bool // hello was answered
	admitted bool // to the hellos that are served at once; set by the reader before it hands over the hello
	entered  bool // registered
	attached bool // to the bus
	marks    positions
	foreign  map[string]struct{}       // conversations hinted at that are not this principal's
	seats    map[interview.ID]struct{} // interviews joined from here
	running  map[interview.ID]struct{} // interviews that the client has seen and not seen end
	watched  []watch
	crowd    crowd.RoomID // that it is in
	lines    [][]byte     // frames of the message that is being served
	next     *wire.Frame  // taken off lines, waiting for answers before it
	replies  []*reply     // due, in the order of their requests
	settling bool         // somebody waits for the first of them
	out      []byte
	frames   int
	spent    limit.Bucket // of the frames that it may send
	strikes  limit.Bucket // of the frames that were refused
	typed    limit.Bucket
	bad      int
	missed   int
	nextPing time.Time
	paused   time.Time // until when nothing is taken from the client
	timer    *time.Timer
}

func newSession(g *Gateway, conn *websocket.Conn, raw *meter) *session {
	s := &session{g: g, id: uuid.Must(uuid.NewV7()).String(), conn: conn, net: raw}
	s.box = newOutbox(g.limits.Queue, s.wake)
	return s
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

// turns does all there is to do. An error is why the session ends.
func (s *session) turns() error {
	for {
		s.role.begin()
		did, err := s.turn()
		if err == nil {
			err = s.flush()
		}
		if err != nil || !did {
			return err
		}
	}
}

// turn does some of what there is to do: what is due, the answers that are there, the client's frames, and what others have
// for it by then, its own entry above all, which goes out with the answer: one write costs more than what is in it.
func (s *session) turn() (did bool, err error) {
	if e := s.box.ended(); e != nil {
		return false, e
	}
	if s.ctx.Err() != nil {
		return false, errLost
	}
	for _, step := range [...]func(*session) (bool, error){(*session).clock, (*session).answer, (*session).client, (*session).deliver} {
		some, err := step(s)
		if did = did || some; err != nil {
			return did, err
		}
	}
	return did, nil
}

// clock does what is due by now and sets the timer for what comes next.
func (s *session) clock() (bool, error) {
	if !s.opened {
		return false, nil
	}
	now := time.Now()
	if now.Before(s.due()) {
		return false, nil
	}
	if !now.Before(s.paused) {
		s.paused = time.Time{}
	}
	if err := s.tick(now); err != nil {
		return true, err
	}
	s.arm()
	return true, nil
}

// due is when something has to be done without being asked.
func (s *session) due() time.Time {
	due := s.nextPing
	if until := s.p.Until(); until.Before(due) {
		due = until
	}
	if !s.paused.IsZero() && s.paused.Before(due) {
		due = s.paused
	}
	return due
}

// arm sets the timer for what is due next.
func (s *session) arm() {
	if in := time.Until(s.due()); s.timer == nil {
		s.timer = time.AfterFunc(in, s.wake)
	} else {
		s.timer.Reset(in)
	}
}

// finish ends the session for good. Its caller is the last owner.
func (s *session) finish(err error) {
	defer s.g.owners.Done()
	s.role.end()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.giveWay()
	s.end(err)
	s.leave(err)
}

// end closes the transport, before anything is cleaned up, and with a word of why where the client can still hear it.
func (s *session) end(err error) {
	e := s.ending(err)
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

// ending is how a session ends because of err.
func (s *session) ending(err error) *ending {
	if e, ok := errors.AsType[*ending](err); ok {
		return e
	}
	_ = s.refusal(context.Background(), "", err) // a frame that could not be encoded
	return &ending{code: wire.CloseInternal, reason: "internal"}
}

// leave takes back what enter did. Seats are held for a connection that may come back; one that was shut out loses them,
// and its media with them (T7).
func (s *session) leave(why error) {
	if !s.entered {
		return
	}
	s.unwatchAll()
	s.leaveCrowd()
	if s.g.sessions.remove(s) {
		s.g.presence.stir(s.who)
	}
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
