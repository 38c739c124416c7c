package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"

	"parley/signal/sfu/udp"
)

// mux is Pion's UDP mux with two differences. It tells clients the public addresses instead of the socket's own where
// there are some. And it keeps the order of the wire: Pion reads what comes for one ICE agent from one goroutine for each
// host candidate, which overtake each other; here one of them reads and the others wait until it is closed.
type mux struct {
	*ice.UDPMuxDefault
	public []net.Addr
	local  net.Addr

	mu    sync.Mutex
	turns map[turnKey]*turn
}

// turnKey names what Pion keeps one queue for.
type turnKey struct {
	ufrag string
	ipv6  bool
}

// turn is held by the one that reads.
type turn struct {
	held  chan struct{} // of one place
	conns int           // guarded by the mux
}

func newMux(inner *ice.UDPMuxDefault, conn *udp.Conn, public []netip.Addr) *mux {
	m := &mux{UDPMuxDefault: inner, local: conn.LocalAddr(), turns: map[turnKey]*turn{}}
	at := conn.LocalAddrPort()
	for _, a := range public {
		if a.Unmap().Is4() != at.Addr().Is4() && at.Addr() != netip.IPv6Unspecified() {
			continue // the socket can't be reached there
		}
		m.public = append(m.public, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Unmap(), at.Port())))
	}
	return m
}

// GetListenAddresses is what becomes host candidates.
func (m *mux) GetListenAddresses() []net.Addr {
	if len(m.public) > 0 {
		return m.public
	}
	return m.UDPMuxDefault.GetListenAddresses()
}

// getConn hands out the socket for one of the addresses above; what is written through it leaves by out.
func (m *mux) getConn(ufrag string, addr net.Addr, out *outlet) (net.PacketConn, error) {
	key := turnKey{ufrag, isIPv6(addr)}
	if a, ok := m.local.(*net.UDPAddr); ok && len(m.public) > 0 && !a.IP.IsUnspecified() {
		addr = m.local
	}
	conn, err := m.UDPMuxDefault.GetConn(ufrag, addr)
	if err != nil {
		return nil, fmt.Errorf("share socket: %w", err)
	}
	fast, ok := conn.(ice.AddrPortReaderWriter)
	if !ok {
		return conn, nil
	}
	return &sharedConn{PacketConn: conn, fast: fast, out: out, turn: m.join(key),
		leave: func() { m.quit(key) }, done: make(chan struct{})}, nil
}

func isIPv6(addr net.Addr) bool {
	a, ok := addr.(*net.UDPAddr)
	return ok && a.IP.To4() == nil
}

func (m *mux) join(key turnKey) *turn {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.turns[key]
	if t == nil {
		t = &turn{held: make(chan struct{}, 1)}
		m.turns[key] = t
	}
	t.conns++
	return t
}

func (m *mux) quit(key turnKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.turns[key]; t != nil {
		if t.conns--; t.conns == 0 {
			delete(m.turns, key)
		}
	}
}

// sharedConn is one candidate's view of the socket. One goroutine reads it at a time.
type sharedConn struct {
	net.PacketConn
	fast  ice.AddrPortReaderWriter
	out   *outlet
	turn  *turn
	leave func()
	done  chan struct{}

	mu     sync.Mutex
	holds  bool
	closed bool
}

// ReadFromAddrPort waits for its turn, which lasts until Close, and then for a datagram.
func (c *sharedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if !c.mayRead() {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	return c.fast.ReadFromAddrPort(b) //nolint:wrapcheck // Pion compares its own errors
}

// ReadFrom is ReadFromAddrPort for callers that know net.Addr only.
func (c *sharedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToAddrPort needs no turn.
func (c *sharedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.out.writes(b, to)
	return c.fast.WriteToAddrPort(b, to) //nolint:wrapcheck // as above
}

func (c *sharedConn) mayRead() bool {
	c.mu.Lock()
	holds, closed := c.holds, c.closed
	c.mu.Unlock()
	if holds || closed {
		return !closed
	}
	select {
	case c.turn.held <- struct{}{}:
	case <-c.done:
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		<-c.turn.held
		return false
	}
	c.holds = true
	return true
}

// Close ends reading and lets the next one have the turn.
func (c *sharedConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	close(c.done)
	c.mu.Unlock()
	err := c.PacketConn.Close()
	c.mu.Lock()
	if c.holds {
		<-c.turn.held
	}
	c.mu.Unlock()
	c.leave()
	return err //nolint:wrapcheck // as above
}
