package sfu

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"

	"parley/signal/sfu/udp"
)

// worker is one UDP socket with its ICE mux. rooms is guarded by the SFU's lock.
type worker struct {
	conn  *udp.Conn
	mux   *mux
	net   transport.Net
	rooms int
}

func openWorker(cfg Config, m *metrics, index int) (*worker, error) {
	at := cfg.UDP
	if at.Port() != 0 {
		if int(at.Port())+index > 65535 {
			return nil, fmt.Errorf("port %d + %d is out of range", at.Port(), index)
		}
		at = netip.AddrPortFrom(at.Addr(), at.Port()+uint16(index)) //nolint:gosec // checked
	}
	socket, err := bind(cfg.Net, at)
	if err != nil {
		return nil, fmt.Errorf("bind UDP socket: %w", err)
	}
	conn := udp.New(socket, udp.Config{Plain: cfg.Offload == OffloadOff, Dropped: m.dropped, Sent: m.sent,
		FellBack: func(err error) {
			m.fellBack.Inc()
			cfg.Log.WarnContext(context.Background(), "segmentation offload is given up", slog.Any("err", err))
		}})
	inner := ice.NewUDPMuxDefault(ice.UDPMuxParams{
		UDPConn:           conn,
		Net:               cfg.Net,
		Logger:            silent.NewLogger("ice"),
		OnUnhandledPacket: func([]byte, netip.AddrPort) { m.unknown.Inc() },
	})
	return &worker{conn: conn, mux: newMux(inner, conn, cfg.Public), net: cfg.Net}, nil
}

func bind(n transport.Net, at netip.AddrPort) (net.PacketConn, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp" // IPv4 as well, where the system maps it
	}
	addr := net.UDPAddrFromAddrPort(at)
	if n != nil {
		return n.ListenUDP(network, addr)
	}
	return net.ListenUDP(network, addr)
}

func (w *worker) close() error { return w.mux.Close() }
