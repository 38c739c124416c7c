package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Time limits of a connection. An answer has no limit of its own: a recording is played for as long as it lasts; what
// does not read for [stallTime] is cut off by the doors that write much.
const (
	headerTime = 10 * time.Second
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
