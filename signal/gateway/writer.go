package gateway

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"parley/signal/wire"
)

// A message that is being put together begins with room for the head of its frame, so that one write takes all.
const (
	headBytes   = 10       // of the longest head
	pooledBytes = 16 << 10 // larger buffers are not kept
)

var outBuffers = sync.Pool{New: func() any { return new(make([]byte, headBytes, 1<<10)) }}

// write adds a frame to the message that the next flush sends.
func (s *session) write(k wire.Kind, line []byte) error {
	if s.frames == wire.MaxFrames || s.frames > 0 && len(s.out)+len(line) > messageBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if s.frames == 0 {
		s.out = (*outBuffers.Get().(*[]byte))[:headBytes]
	} else {
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
	_, err := s.net.Write(framed(s.out))
	_ = s.net.SetWriteDeadline(time.Time{}) // the reader answers WebSocket pings without one of ours
	s.forgetOut()
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return &ending{code: wire.CloseStalled, reason: "stalled"}
	}
	if err != nil {
		return errLost
	}
	return nil
}

// forgetOut gives the buffer back: most sessions are idle most of the time.
func (s *session) forgetOut() {
	if cap(s.out) <= pooledBytes {
		outBuffers.Put(new(s.out))
	}
	s.frames, s.out = 0, nil
}

// framed is a message, behind headBytes of room, as one WebSocket frame: text, final, not masked (RFC 6455, 5.2).
func framed(out []byte) []byte {
	const finalText, twoBytes, eightBytes = 0x81, 126, 127
	size := len(out) - headBytes
	switch {
	case size < twoBytes:
		out = out[headBytes-2:]
		out[0], out[1] = finalText, byte(size)
	case size < 1<<16:
		out = out[headBytes-4:]
		out[0], out[1] = finalText, twoBytes
		binary.BigEndian.PutUint16(out[2:], uint16(size))
	default:
		out = out[headBytes-10:]
		out[0], out[1] = finalText, eightBytes
		binary.BigEndian.PutUint64(out[2:], uint64(size))
	}
	return out
}
