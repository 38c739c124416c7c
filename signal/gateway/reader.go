package gateway

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"parley/internal/limit"
	"parley/signal/wire"
)

// What a client may send that is no part of a message: the heads of WebSocket frames, pings and pongs of WebSocket, frames
// without a byte in them. It is read where no limit by frames is asked.
const (
	maxIdleBytes = 64 << 10 // at once
	idleBytes    = 4 << 10  // a second
)

// read is the reader: it hands each message to the owner, so that a client is read no faster than it is served, by more than
// one message. The first has to be there in time. A message that is no text counts as an empty frame.
func (s *session) read() {
	defer s.g.owners.Done()
	m, err := s.first()
	if err != nil {
		s.box.end(s.lostBeforeHello(err))
		return
	}
	s.admitted = s.g.admission.take(s.ctx)
	idle := limit.Bucket{}
	for s.hand(m) {
		if m, err = s.receive(&idle); err != nil {
			s.box.end(lostBy(err))
			return
		}
	}
	s.box.end(errLost) // unless there is a better reason already
}

// hand gives the owner a message; false when the session has ended.
func (s *session) hand(m []byte) bool {
	select {
	case s.in <- m:
		s.wake()
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *session) first() ([]byte, error) {
	_ = s.net.SetReadDeadline(time.Now().Add(s.g.limits.Hello))
	typ, m, err := s.conn.Read(s.g.doors)
	_ = s.net.SetReadDeadline(time.Time{})
	if typ != websocket.MessageText {
		m = nil
	}
	return m, err
}

// receive reads one message and counts what came beside it.
func (s *session) receive(idle *limit.Bucket) ([]byte, error) {
	typ, m, err := s.conn.Read(context.Background())
	if err != nil {
		return nil, err
	}
	beside := max(0, int(s.net.came.Swap(0))-len(m))
	if _, ok := idle.Take(time.Now(), idleBytes, maxIdleBytes, beside); !ok {
		return nil, errFlood
	}
	if typ != websocket.MessageText {
		return nil, nil
	}
	return m, nil
}

func (s *session) lostBeforeHello(err error) *ending {
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &ending{code: wire.CloseTooBig, reason: "too_big"}
	case isTimeout(err) && s.g.doors.Err() == nil:
		return &ending{code: wire.CloseSignIn, reason: "no_hello"}
	}
	return errLost
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// lostBy says why reading ended: a message over the limit, the client's close, or a connection that broke.
func lostBy(err error) *ending {
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &ending{code: wire.CloseTooBig, reason: "too_big"}
	case errors.Is(err, errFlood):
		return &ending{code: wire.CloseFlood, reason: "flood"}
	case websocket.CloseStatus(err) >= 0:
		return &ending{code: wire.CloseNormal, reason: "client"}
	}
	return errLost
}

// errFlood says that far more came than messages are made of.
var errFlood = errors.New("gateway: too much beside messages")

// meter is a connection that knows how much has come since the last message, and reads no more than a message and what may
// stand around it.
type meter struct {
	net.Conn
	came atomic.Int64
}

func (m *meter) Read(b []byte) (int, error) {
	if m.came.Load() > wire.MaxMessage+maxIdleBytes {
		return 0, errFlood
	}
	n, err := m.Conn.Read(b)
	m.came.Add(int64(n))
	return n, err
}
