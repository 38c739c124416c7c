package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Time limits of a connection. An answer has no limit of its own: a recording is played for as long as it lasts; a client
// that does not read for [stallTime] is cut off.
const (
	headerTime = 10 * time.Second
	bodyTime   = 10 * time.Second // for a body that nobody reads, too: it is read over before the answer goes out
	stallTime  = 30 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 32 << 10 // bytes
)

// door is one listening address.
type door struct {
	listener net.Listener
	server   *http.Server
}

// listen opens an address. Port 0 takes a free one.
func listen(ctx context.Context, what, addr string, conf *tls.Config) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: listen on %s: %w; stop what uses it or choose another address", what, addr, err)
	}
	if conf != nil {
		return tls.NewListener(l, conf), nil
	}
	return l, nil
}

func newDoor(l net.Listener, h http.Handler, log *slog.Logger) *door {
	return &door{l, &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(quiet{log.Handler()}, slog.LevelDebug),
	}}
}

// hasty bounds how long a client may take to send what belongs to a request. A request without a body is left alone: a
// deadline would end its context in the middle of a long answer.
func hasty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // recorders in tests have none
		}
		next.ServeHTTP(w, r)
	})
}

// stalls gives the writes of an answer until [stallTime] from now.
func stalls(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(stallTime)) // recorders in tests have none
}

// shortly is for doors that answer in a few words, or take the connection over and its deadlines with it.
func shortly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stalls(w)
		next.ServeHTTP(w, r)
	})
}

// ownNames answers on a loopback address only who asks for this machine by address or as localhost: a page of another
// site reaches it by a name of its own (DNS rebinding).
func ownNames(next http.Handler, addr net.Addr) http.Handler {
	if a, ok := addr.(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		host = strings.Trim(host, "[]")
		if host != "" && host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "ask for localhost or an IP address", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serve answers until ctx ends, then lets the requests under way finish.
func (d *door) serve(ctx context.Context, grace time.Duration) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		err := d.server.Shutdown(limit)
		if err != nil {
			err = errors.Join(err, d.server.Close())
		}
		stopped <- err
	})
	err := d.server.Serve(d.listener)
	if stop() { // it ended by itself
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// scheme is how the address is written in a URL.
func scheme(t TLS) string {
	if t.on() {
		return "https"
	}
	return "http"
}

// quiet drops what net/http logs of single connections: it names their addresses (T2, A4).
type quiet struct{ slog.Handler }

// Handle keeps the fact and drops the text.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	return q.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "connection failed", r.PC))
}
