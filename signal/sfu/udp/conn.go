package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// Config says how a Conn behaves.
type Config struct {
	// Dropped is told of each datagram that was not handed on; nil ignores them. It is called from the reading
	// goroutine and must not block.
	Dropped func(Kind)
	// Sent is told of each system call that sends: how many datagrams it took, and its error if there was one (then
	// they are lost). FellBack is told why segments were given up, at most once. nil ignores them; they must not block.
	Sent     func(datagrams int, err error)
	FellBack func(error)
	// Plain switches segmentation off: each datagram is sent at once, by itself.
	Plain bool
	// Buffer is the size in bytes asked for the kernel's buffers in each direction, 4 MiB when zero. The kernel
	// may give less.
	Buffer int
}

func (c Config) withDefaults() Config {
	if c.Dropped == nil {
		c.Dropped = func(Kind) {}
	}
	if c.Sent == nil {
		c.Sent = func(int, error) {}
	}
	if c.FellBack == nil {
		c.FellBack = func(error) {}
	}
	if c.Buffer == 0 {
		c.Buffer = defaultBuffer
	}
	return c
}

const (
	defaultBuffer = 4 << 20
	lanes         = 32
)

// Conn is a UDP socket that speaks netip.AddrPort. All methods may be called concurrently.
type Conn struct {
	net.PacketConn
	fast *net.UDPConn // the same socket where it is the system's, else nil (virtual networks)
	cfg  Config

	segments atomic.Bool // the system cuts for us
	proved   atomic.Bool // it has done so
	lanes    [lanes]Lane
	// send is the system call: one datagram, or what control says that it is cut into.
	send func(b, control []byte, to netip.AddrPort) error
}

// New takes over a bound socket: the Conn closes it.
func New(socket net.PacketConn, cfg Config) *Conn {
	fast, _ := socket.(*net.UDPConn)
	c := &Conn{PacketConn: socket, fast: fast, cfg: cfg.withDefaults()}
	for i := range c.lanes {
		c.lanes[i].conn = c
	}
	if c.fast == nil {
		c.send = c.sendSlow
		return c
	}
	c.send = c.sendFast
	c.segments.Store(!cfg.Plain && canSegment(c.fast))
	c.size()
	return c
}

// size asks for large buffers; a kernel that refuses keeps its own, which only costs packets under a burst.
func (c *Conn) size() {
	_ = c.fast.SetReadBuffer(c.cfg.Buffer)
	_ = c.fast.SetWriteBuffer(c.cfg.Buffer)
}

// LocalAddrPort is the bound address.
func (c *Conn) LocalAddrPort() netip.AddrPort {
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// ReadFromAddrPort reads the next datagram that may be ours (ice.AddrPortReaderWriter). It returns an error only
// once the socket is closed or its deadline has passed.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for failures := 0; ; {
		n, from, err := c.read(b)
		if err != nil {
			if final(err) || failures > maxFailures {
				return 0, netip.AddrPort{}, fmt.Errorf("read datagram: %w", err)
			}
			failures++
			continue
		}
		failures = 0
		if k := Classify(b[:n]); k == Garbage {
			c.cfg.Dropped(k)
			continue
		}
		return n, from, nil
	}
}

// maxFailures is how many failures of the socket in a row mean that it is broken for good.
const maxFailures = 1000

func final(err error) bool {
	var timeout net.Error
	return errors.Is(err, net.ErrClosed) || (errors.As(err, &timeout) && timeout.Timeout())
}

func (c *Conn) read(b []byte) (int, netip.AddrPort, error) {
	if c.fast != nil {
		return c.fast.ReadFromUDPAddrPort(b)
	}
	n, from, err := c.PacketConn.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	a, ok := from.(*net.UDPAddr)
	if !ok {
		return 0, netip.AddrPort{}, fmt.Errorf("address %T is not UDP", from)
	}
	return n, a.AddrPort(), nil
}

// ReadFrom is ReadFromAddrPort for callers that know net.Addr only.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToAddrPort sends one datagram (ice.AddrPortReaderWriter). It keeps nothing of b. Where the system cuts segments,
// RTP is held back until its lane is flushed, and an error of sending it is only counted.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if !c.Segments() {
		return len(b), c.single(b, to)
	}
	l := c.Lane(to)
	if IsRTP(b) && len(b) <= maxGathered {
		l.gather(b, to)
		return len(b), nil
	}
	return len(b), l.pass(b, to)
}

// WriteTo is WriteToAddrPort for callers that know net.Addr only.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("address %T is not UDP", to)
	}
	return c.WriteToAddrPort(b, a.AddrPort())
}

// Segments says whether the system cuts segments, so that what is written together in equal lengths is sent together.
func (c *Conn) Segments() bool { return c.segments.Load() }

// Lane is where datagrams to a destination are gathered; always the same one for the same destination.
func (c *Conn) Lane(to netip.AddrPort) *Lane {
	a := to.Addr().As16()
	h := uint32(to.Port())
	for _, i := range [...]int{10, 12, 13, 14, 15} {
		h = h*31 + uint32(a[i])
	}
	return &c.lanes[h*2654435761>>27] // Knuth's multiplicative hash, five bits of it
}

// Flush sends what any lane holds: when it returns, everything written before has been handed to the kernel.
func (c *Conn) Flush() {
	for i := range c.lanes {
		c.lanes[i].Flush()
	}
}

// single sends one datagram by a system call of its own.
func (c *Conn) single(b []byte, to netip.AddrPort) error {
	err := c.send(b, nil, to)
	c.cfg.Sent(1, err)
	return err
}

func (c *Conn) sendFast(b, control []byte, to netip.AddrPort) error {
	if control == nil {
		_, err := c.fast.WriteToUDPAddrPort(b, to)
		return err
	}
	_, _, err := c.fast.WriteMsgUDPAddrPort(b, control, to)
	return err
}

func (c *Conn) sendSlow(b, _ []byte, to netip.AddrPort) error {
	_, err := c.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

// refusedSegments decides what a refusal means: segments are given up for good, unless others went through before and
// this one's route may be all that is in the way. A peer whose packets take a narrow tunnel must not cost everybody
// else their segments.
func (c *Conn) refusedSegments(err error) {
	if ofRoute(err) && c.proved.Load() {
		return
	}
	if c.segments.CompareAndSwap(true, false) {
		c.cfg.FellBack(err)
	}
}
