package main

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// line is a client's way to the nodes, which a test spoils. The zero value is a good one.
type line struct {
	how atomic.Int32 // one of the ways below

	mu   sync.Mutex
	conn *spoilt // the last one
}

// What a line does.
const (
	good  int32 = iota
	deaf        // a black hole: what is written is swallowed, and nothing comes
	stuck       // the client does not read
)

// lineBuffer is how much the system keeps for a client that does not read.
const lineBuffer = 4 << 10

// narrow keeps the system from reading ahead for the client.
func (l *line) narrow(_, _ string, raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, lineBuffer)
	}); e != nil {
		return e
	}
	return err
}

func (l *line) use(conn net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = &spoilt{Conn: conn, line: l, closed: make(chan struct{})}
	return l.conn
}

// spoil makes the line bad and returns what mends it. After a black hole the connection is of no use: what was swallowed is
// missing from its stream.
func (l *line) spoil(how int32) (mend func()) {
	l.how.Store(how)
	return func() {
		l.how.Store(good)
		l.mu.Lock()
		defer l.mu.Unlock()
		if how == deaf && l.conn != nil {
			_ = l.conn.Close()
		}
	}
}

// spoilt is a connection over a line.
type spoilt struct {
	net.Conn
	line   *line
	once   sync.Once
	closed chan struct{}
}

// Read waits while the line lets nothing through.
func (s *spoilt) Read(b []byte) (int, error) {
	for s.line.how.Load() != good {
		select {
		case <-s.closed:
			return 0, net.ErrClosed
		case <-time.After(20 * time.Millisecond):
		}
	}
	return s.Conn.Read(b)
}

// Write swallows b in a black hole.
func (s *spoilt) Write(b []byte) (int, error) {
	if s.line.how.Load() == deaf {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

// Close also ends a Read that waits.
func (s *spoilt) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}
