package gateway

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"parley/internal/limit"
	"parley/internal/policy"
	"parley/signal/wire"
)

// ServeHTTP makes a WebSocket connection of a GET request. It returns as soon as the connection stands; the session goes
// on without the HTTP server, and ends by [Gateway.Drain].
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := g.admit(r); refusal != nil {
		refuse(w, refusal)
		return
	}
	slim := &slimWriter{ResponseWriter: w}
	conn, err := websocket.Accept(slim, r, &websocket.AcceptOptions{
		Subprotocols: []string{wire.Subprotocol}, OriginPatterns: g.cfg.Origins, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil { // answered by Accept
		g.metrics.closed.WithLabelValues("handshake").Inc()
		return
	}
	conn.SetReadLimit(wire.MaxMessage)
	s := newSession(g, conn, slim.conn)
	if !g.adopt(s) {
		_ = conn.CloseNow()
		return
	}
	go s.readFirst()
}

// adopt counts the session and its reader among those that Drain waits for, unless it waits already.
func (g *Gateway) adopt(s *session) bool {
	g.sessions.mu.Lock()
	defer g.sessions.mu.Unlock()
	if g.draining.Load() {
		return false
	}
	g.owners.Add(2)
	return true
}

// admit checks what can be checked before the upgrade. A query is refused as a whole: a token in a URL ends up in logs.
func (g *Gateway) admit(r *http.Request) *policy.Refusal {
	switch {
	case r.URL.RawQuery != "":
		return policy.ErrBadRequest.With("This address takes no query. The token belongs in the hello frame.", "此地址不接受查询参数，令牌须放在 hello 帧中。")
	case g.draining.Load(), g.sessions.count() >= g.limits.Sessions:
		return policy.ErrUnavailable.After(jitter(retryBusy))
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && !offers(r, wire.Subprotocol):
		return policy.ErrBadRequest.With("Name the subprotocol "+wire.Subprotocol+" in the handshake.", "握手时须声明子协议 "+wire.Subprotocol+"。")
	case g.addresses.Take(limit.Address(g.cfg.Address(r))) != nil:
		return policy.ErrRateLimited.After(jitter(retryBusy))
	}
	return nil
}

func peerAddress(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a pipe or a Unix socket: all of them count as one
	}
	return a.Addr()
}

func offers(r *http.Request, protocol string) bool {
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(h, ","), func(p string) bool { return strings.TrimSpace(p) == protocol }) {
			return true
		}
	}
	return false
}

func refuse(w http.ResponseWriter, r *policy.Refusal) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.RetryAfter.Seconds())+1))
	}
	http.Error(w, r.ID+": "+r.En+" "+r.Zh, r.Status)
}

// slimWriter hijacks with the buffers of a [meter], instead of twice 4 KiB which an idle connection would hold for ever.
type slimWriter struct {
	http.ResponseWriter
	conn *meter // once hijacked
}

// Hijack implements http.Hijacker.
func (w *slimWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	ahead, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	w.conn = newMeter(conn, ahead)
	return w.conn, w.conn.buffers(), nil
}
