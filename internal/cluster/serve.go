package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"parley/internal/policy"
)

// method is what other nodes may call: one of both.
type method struct {
	call   func(context.Context, json.RawMessage) (any, error)
	stream func(context.Context, json.RawMessage, *Outlet) error
}

// Handle serves calls of the method. The context ends with the caller's deadline, or when the caller goes away. What f
// returns is the answer; of its errors [*policy.Refusal] and [*Elsewhere] travel, any other is logged here and becomes
// policy.ErrInternal.
func (c *Cluster) Handle(name string, f func(ctx context.Context, in json.RawMessage) (any, error)) {
	c.methods["/call/"+name] = method{call: f}
}

// HandleStream serves streams of the method. The context ends when the caller goes away or is too slow; f must return then.
// When f returns, what it queued is sent, and then the end, with its error as for Handle.
func (c *Cluster) HandleStream(name string, f func(ctx context.Context, in json.RawMessage, out *Outlet) error) {
	c.methods["/stream/"+name] = method{stream: f}
}

// Serve takes calls from other nodes on l until ctx ends; then calls and streams under way are cut, and their methods are
// waited for. It closes l.
func (c *Cluster) Serve(ctx context.Context, l net.Listener) error {
	var only http.Protocols
	only.SetHTTP2(true)
	under := &underWay{next: c.Handler()}
	defer under.wait()
	s := &http.Server{
		Handler: under, TLSConfig: c.creds.server(), Protocols: &only,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: pingEvery, PingTimeout: pingWait,
			WriteByteTimeout: pingWait},
		ErrorLog: slog.NewLogLogger(noAddresses{c.cfg.Log.Handler()}, slog.LevelDebug),
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve other nodes: %w", err)
	}
	return nil
}

// underWay counts the requests that are being served.
type underWay struct {
	next http.Handler

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

// ServeHTTP implements http.Handler.
func (u *underWay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		panic(http.ErrAbortHandler) // the connection is closed already
	}
	u.work.Add(1)
	u.mu.Unlock()
	defer u.work.Done()
	u.next.ServeHTTP(w, r)
}

func (u *underWay) wait() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.work.Wait()
}

// Handler answers the calls of other nodes, for a server with mutual TLS: whoever shows no certificate of the cluster
// gets nowhere.
func (c *Cluster) Handler() http.Handler { return http.HandlerFunc(c.serve) }

func (c *Cluster) serve(w http.ResponseWriter, r *http.Request) {
	if !ofTheCluster(r.TLS) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	m, known := c.methods[r.URL.Path]
	switch {
	case r.Method != http.MethodPost || !known:
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Header.Get(headerTo) != string(c.cfg.Node):
		w.WriteHeader(http.StatusMisdirectedRequest)
		return
	}
	ctx, cancel := deadline(r)
	defer cancel()
	in, err := readAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if m.stream != nil {
		c.serveStream(ctx, w, r, m, in)
		return
	}
	out, err := m.call(ctx, in)
	c.answer(ctx, w, r, out, err)
}

// ofTheCluster says whether the connection is a node's: the chain was verified, and the name is ours.
func ofTheCluster(s *tls.ConnectionState) bool {
	return s != nil && s.Version >= tls.VersionTLS13 && len(s.VerifiedChains) > 0 && s.PeerCertificates[0].VerifyHostname(CertName) == nil
}

// deadline is the caller's. It does not bind a stream: its header has none.
func deadline(r *http.Request) (context.Context, context.CancelFunc) {
	left, err := strconv.ParseInt(r.Header.Get(headerTimeout), 10, 32)
	if err != nil || left <= 0 {
		return context.WithCancel(r.Context())
	}
	return context.WithTimeout(r.Context(), time.Duration(left)*time.Millisecond)
}

func (c *Cluster) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, out any, err error) {
	status, body := http.StatusOK, out
	if err != nil {
		status, body = http.StatusUnprocessableEntity, c.problem(ctx, r, err)
	}
	b, err := json.Marshal(body)
	if err == nil && len(b) > MaxBody {
		err = policy.ErrTooLarge
	}
	if err != nil {
		c.cfg.Log.ErrorContext(ctx, "answer to a node can't be sent", slog.String("method", r.URL.Path), slog.Any("err", err))
		status, b = http.StatusUnprocessableEntity, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a caller that has gone needs no answer
}

// problem is how the error travels. What is nobody's refusal is logged here, once.
func (c *Cluster) problem(ctx context.Context, r *http.Request, err error) problem {
	if e, ok := errors.AsType[*Elsewhere](err); ok {
		return problem{Elsewhere: e.Node}
	}
	if refusal, ok := errors.AsType[*policy.Refusal](err); ok {
		return problem{Refusal: refusal}
	}
	if ctx.Err() == nil { // else the caller has gone, which is no fault
		c.cfg.Log.ErrorContext(ctx, "call of another node failed", slog.String("method", r.URL.Path), slog.Any("err", err))
	}
	return problem{}
}

// serveStream runs the method and, beside it, the writer of its lines.
func (c *Cluster) serveStream(ctx context.Context, w http.ResponseWriter, r *http.Request, m method, in json.RawMessage) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.metrics.streams.Inc()
	defer c.metrics.streams.Dec()
	w.WriteHeader(http.StatusOK)
	to := http.NewResponseController(w)
	if err := to.Flush(); err != nil {
		return
	}
	out := newOutlet(c.cfg.Queue, func() {
		c.metrics.cut.Inc()
		cancel()
		_ = to.SetWriteDeadline(time.Unix(1, 0)) // frees the writer; what it says is of no use
	})
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		_ = out.pump(ctx, w, c.cfg.Patience) // whatever broke, the caller sees no end and knows
	})
	end := line{End: true}
	if err := m.stream(ctx, in, out); err != nil && !errors.Is(err, io.EOF) {
		p := c.problem(ctx, r, err)
		end.Problem = &p
	}
	_ = out.put(end) // refused only where the stream was cut
	writer.Wait()
}

// noAddresses keeps the server's remarks, which name addresses, down to what went wrong.
type noAddresses struct{ slog.Handler }

// Handle implements slog.Handler.
func (h noAddresses) Handle(ctx context.Context, r slog.Record) error {
	what := r.Message
	for _, before := range []string{" from ", " serving ", ": accept "} {
		what, _, _ = strings.Cut(what, before)
	}
	return h.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "connection of a node: "+what, r.PC))
}
