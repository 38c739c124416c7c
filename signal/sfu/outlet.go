package sfu

import (
	"net"
	"net/netip"
	"sync/atomic"

	"parley/signal/sfu/udp"
)

// outlet is where the media of one connection leaves. It remembers the lane of the socket that the connection writes to,
// so that a frame can be flushed without knowing where ICE sends it.
type outlet struct {
	*mux
	conn *udp.Conn
	lane atomic.Pointer[udp.Lane]
}

func newOutlet(w *worker) *outlet { return &outlet{mux: w.mux, conn: w.conn} }

// GetConn implements ice.UDPMux for the connection.
func (o *outlet) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	return o.mux.getConn(ufrag, addr, o)
}

// writes notes where media is about to be written. When ICE changes its mind, the former lane is flushed.
func (o *outlet) writes(b []byte, to netip.AddrPort) {
	if o == nil || !udp.IsRTP(b) {
		return
	}
	l := o.conn.Lane(to)
	if former := o.lane.Load(); former != l {
		o.lane.Store(l)
		former.Flush()
	}
}

// flush hands what the connection has written to the kernel. What another goroutine has just moved to another lane waits
// for the next flush of everything, see reporter.tick.
func (o *outlet) flush() {
	if o != nil {
		o.lane.Load().Flush()
	}
}

// segments says whether packets of one length that are written together leave together.
func (o *outlet) segments() bool { return o != nil && o.conn.Segments() }
