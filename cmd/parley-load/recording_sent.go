package main

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// sentLog notes when each packet of a call was sent. It is the call's only interceptor of its kind, and makes itself. It
// stands before Pion's own, so that it sees no repeats.
type sentLog struct {
	interceptor.NoOp

	mu      sync.Mutex
	streams map[uint32]*sentStream // by SSRC
}

// sentStream are the packets of one track: the n-th has the sequence number first+n.
type sentStream struct {
	first uint16
	at    []time.Duration // since this process began
}

// NewInterceptor implements interceptor.Factory.
func (l *sentLog) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

// BindLocalStream implements interceptor.Interceptor.
func (l *sentLog) BindLocalStream(info *interceptor.StreamInfo, next interceptor.RTPWriter) interceptor.RTPWriter {
	s := &sentStream{}
	l.mu.Lock()
	l.streams[info.SSRC] = s
	l.mu.Unlock()
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		l.note(s, h.SequenceNumber)
		return next.Write(h, payload, a)
	})
}

func (l *sentLog) note(s *sentStream, seq uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(s.at) == 0 {
		s.first = seq
	}
	if int(seq-s.first) == len(s.at)&0xffff {
		s.at = append(s.at, time.Since(began))
	}
}

// held says of each packet whether it is among those with these sequence numbers, which are in about the order of sending.
func (s *sentStream) held(seqs []uint16) []bool {
	found, last := make([]bool, len(s.at)), 0
	for _, seq := range seqs {
		n := last + int(int16(seq-s.first-uint16(last))) //nolint:gosec // modular on purpose
		if n < 0 || n >= len(found) {
			continue
		}
		found[n], last = true, n
	}
	return found
}

// missing counts what is not held after the first that is; all, when nothing is.
func missing(held []bool) int {
	begun, lost := false, 0
	for _, ok := range held {
		if ok {
			begun = true
		} else if begun {
			lost++
		}
	}
	if !begun {
		return len(held)
	}
	return lost
}

// tornOff is how long before the last packet that was sent until then the last held one was sent; since the first, when
// nothing is held.
func (s *sentStream) tornOff(held []bool, until time.Duration) time.Duration {
	last, kept := time.Duration(0), time.Duration(0)
	for n, at := range s.at {
		if at > until {
			break
		}
		if n == 0 || held[n] {
			kept = at
		}
		last = at
	}
	return last - kept
}
