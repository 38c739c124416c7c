package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Config says how a Conn behaves.
type Config struct {
	// Dropped is told of each datagram that was not handed on; nil ignores them. It is called from the reading
	// goroutine and must not block.
	Dropped func(Kind)
	// Buffer is the size in bytes asked for the kernel's buffers in each direction, 4 MiB when zero. The kernel
	// may give less.
	Buffer int
}

const defaultBuffer = 4 << 20

// Conn is a UDP socket that speaks netip.AddrPort. All methods may be called concurrently.
type Conn struct {
	net.PacketConn
	fast *net.UDPConn // the same socket where it is the system's, else nil (virtual networks)
	cfg  Config
}

// New takes over a bound socket: the Conn closes it.
func New(socket net.PacketConn, cfg Config) *Conn {
	if cfg.Dropped == nil {
		cfg.Dropped = func(Kind) {}
	}
	if cfg.Buffer == 0 {
		cfg.Buffer = defaultBuffer
	}
	fast, _ := socket.(*net.UDPConn)
	c := &Conn{PacketConn: socket, fast: fast, cfg: cfg}
	c.size()
	return c
}

// size asks for large buffers; a kernel that refuses keeps its own, which only costs packets under a burst.
func (c *Conn) size() {
	if c.fast == nil {
		return
	}
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

// WriteToAddrPort sends one datagram (ice.AddrPortReaderWriter). It keeps nothing of b.
func (c *Conn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.fast != nil {
		return c.fast.WriteToUDPAddrPort(b, to)
	}
	return c.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

// WriteTo is WriteToAddrPort for callers that know net.Addr only.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.PacketConn.WriteTo(b, to)
}

// Flush ends a frame: when it returns, everything written before has been handed to the kernel. Datagrams are sent as
// they are written, so there is nothing left to send here.
func (c *Conn) Flush() {}
