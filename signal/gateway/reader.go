package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/coder/websocket"

	"parley/signal/wire"
)

// What a client may send that is no part of a message: the heads of WebSocket frames, pings and pongs of WebSocket, frames
// without a byte in them. It is read where no limit by frames is asked.
const (
	besideBurst = 64 << 10 // bytes
	besideRate  = 4 << 10  // a second
)

// Reading goes on one message at a time: what was read is left for the owner, who has the next one read as it takes it. So a
// client is read no faster than it is served. In between a goroutine with the smallest stack there is waits for the next byte;
// one of the crew then reads.
//
//	readOn ──▶ await ··· bytes ··· ▶ readNext ──▶ outbox ──▶ owner ──▶ readOn

// readFirst reads the first message, which has to be there in time, and waits for a place to have it served.
func (s *session) readFirst() {
	defer s.g.owners.Done()
	_ = s.net.SetReadDeadline(time.Now().Add(s.g.limits.Hello))
	typ, m, err := s.conn.Read(s.g.doors)
	_ = s.net.SetReadDeadline(time.Time{})
	if err != nil {
		s.box.end(s.lostBeforeHello(err))
		return
	}
	s.admitted = s.g.admission.take(s.g.doors)
	s.leaveMessage(typ, m)
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

// readOn has the next message read. The owner calls it, once for each message that it takes.
func (s *session) readOn() {
	switch {
	case s.net.buffered():
		s.g.crew.serve(reading{s})
	case s.net.raw == nil:
		s.g.owners.Go(reading{s}.work)
	default:
		s.g.owners.Add(1)
		go s.await()
	}
}

// await waits for the next byte. Nothing on its way down may need more than the 2 KiB that a stack begins with.
func (s *session) await() {
	s.net.await()
	s.g.crew.serve(reading{s})
	s.g.owners.Done()
}

// reading is the part of a session that reads.
type reading struct{ s *session }

// work reads one message. A message that is no text counts as an empty frame.
func (r reading) work() {
	s := r.s
	typ, m, err := s.conn.Read(context.Background())
	if err == nil {
		beside := max(0, int(s.net.came.Swap(0))-len(m))
		if _, ok := s.beside.Take(time.Now(), besideRate, besideBurst, beside); !ok {
			err = errFlood
		}
	}
	if err != nil {
		s.box.end(lostBy(err))
		return
	}
	s.leaveMessage(typ, m)
}

// leaveMessage leaves a message for the owner, and is the owner if there is none.
func (s *session) leaveMessage(typ websocket.MessageType, m []byte) {
	if typ != websocket.MessageText {
		m = nil
	}
	s.box.leave(m)
	if s.role.claim() {
		s.work()
	}
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
