package udp

import (
	"net/netip"
	"sync"
)

// Bounds of one system call: the kernel takes no more segments, and no more bytes than one datagram of IPv6 holds.
const (
	MaxSegments = 64
	maxGathered = 1<<16 - 64
)

// Lane gathers what is written to one destination at a time. Destinations share lanes; one that comes between another's
// datagrams only makes the system calls shorter. All methods may be called concurrently.
type Lane struct {
	conn *Conn

	mu      sync.Mutex
	to      netip.AddrPort
	held    []byte // datagrams back to back
	segment int    // length of each but the last
	count   int
	control []byte // scratch space of send
}

// Flush sends what the lane holds: when it returns, everything written to the lane's destinations before has been handed
// to the kernel. Flushing a nil lane does nothing.
func (l *Lane) Flush() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

// gather takes a datagram for later, after sending what it can't be sent with.
func (l *Lane) gather(b []byte, to netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 && (to != l.to || len(b) > l.segment || len(l.held)+len(b) > maxGathered) {
		l.flush()
	}
	if l.count == 0 {
		l.to, l.segment = to, len(b)
	}
	l.held = append(l.held, b...)
	l.count++
	if len(b) < l.segment || l.count == MaxSegments {
		l.flush()
	}
}

// pass sends a datagram at once, after what was written before it.
func (l *Lane) pass(b []byte, to netip.AddrPort) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 && l.to == to {
		l.flush()
	}
	return l.conn.single(b, to)
}

// flush sends what is held. What the kernel does not take is lost like any datagram, and counted.
func (l *Lane) flush() {
	if l.count == 0 {
		return
	}
	if l.count == 1 || !l.sendSegments() {
		l.sendSingly()
	}
	l.held, l.count = l.held[:0], 0
}

// sendSegments sends everything by one system call; false when segments were refused and nothing was sent.
func (l *Lane) sendSegments() bool {
	if !l.conn.Segments() {
		return false
	}
	l.control = appendSegment(l.control[:0], l.segment)
	err := l.conn.send(l.held, l.control, l.to)
	if err != nil && refused(err) {
		l.conn.refusedSegments(err)
		return false
	}
	if err == nil {
		l.conn.proved.Store(true)
	}
	l.conn.cfg.Sent(l.count, err)
	return true
}

func (l *Lane) sendSingly() {
	for rest := l.held; len(rest) > 0; {
		n := min(l.segment, len(rest))
		_ = l.conn.single(rest[:n], l.to) // counted
		rest = rest[n:]
	}
}
