package gateway

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/coder/websocket"

	"parley/signal/wire"
)

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
	s.frames, s.out = 0, nil                // most sessions are idle most of the time
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return &ending{code: wire.CloseStalled, reason: "stalled"}
	}
	if err != nil {
		return errLost
	}
	return nil
}
