package cluster_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
	"parley/internal/policy"
	"parley/internal/testenv/testlog"
)

// node serves calls on loopback.
type node struct {
	*cluster.Cluster
	relay *clustertest.Relay // its address for the others
	addr  string             // its own
	log   *testlog.Buffer
	close func()
}

// net2 is a cluster on real sockets.
type net2 struct {
	t         *testing.T
	table     *clustertest.Memory
	authority string
}

func newNet(t *testing.T) *net2 {
	return &net2{t, &clustertest.Memory{}, clustertest.Authority(t)}
}

// add starts a node; methods are registered before it serves.
func (n *net2) add(name cluster.NodeID, certs string, register func(*cluster.Cluster)) *node {
	n.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	one := &node{addr: l.Addr().String(), relay: clustertest.NewRelay(n.t, l.Addr().String()), log: &testlog.Buffer{}}
	one.Cluster = cluster.New(cluster.Config{Store: n.table, Node: name, Address: one.relay.Addr(), TLS: certs, TTL: time.Hour,
		Queue: 64 << 10, Patience: time.Second, Log: slog.New(slog.NewJSONHandler(one.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if register != nil {
		register(one.Cluster)
	}
	if err := one.Join(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- one.Serve(ctx, l) }()
	one.close = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("serve: %v", err)
		}
	})
	n.t.Cleanup(one.close)
	n.t.Cleanup(func() { // the connections to others
		ended, end := context.WithCancel(context.Background())
		end()
		_ = one.Run(ended)
	})
	return one
}

// both starts a caller "a" and a callee "b".
func both(t *testing.T, register func(*cluster.Cluster)) (a, b *node) {
	n := newNet(t)
	b = n.add("b", clustertest.Credentials(t, n.authority), register)
	a = n.add("a", clustertest.Credentials(t, n.authority), nil)
	return a, b
}

type text struct{ Text string }

func echo(_ context.Context, in json.RawMessage) (any, error) {
	var q text
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, policy.ErrBadRequest
	}
	return q, nil
}

func TestACallIsAnswered(t *testing.T) {
	a, _ := both(t, func(c *cluster.Cluster) { c.Handle("echo", echo) })
	var got text
	if err := a.Call(t.Context(), "b", "echo", text{"<你好>"}, &got); err != nil || got.Text != "<你好>" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := a.Call(t.Context(), "b", "echo", text{"x"}, nil); err != nil {
		t.Error(err)
	}
}

func TestErrorsTravelAsWhatTheyAre(t *testing.T) {
	secret := errors.New("secret detail")
	fail := map[string]error{
		"refusal":   fmt.Errorf("deep inside: %w", policy.ErrConsentNeeded.With("Please agree first.", "请先同意。").After(1500*time.Millisecond)),
		"elsewhere": fmt.Errorf("deep inside: %w", &cluster.Elsewhere{Node: "c"}),
		"other":     secret,
	}
	a, b := both(t, func(c *cluster.Cluster) {
		c.Handle("fail", func(_ context.Context, in json.RawMessage) (any, error) {
			var q text
			return nil, errors.Join(json.Unmarshal(in, &q), fail[q.Text])
		})
		c.HandleStream("fail", func(_ context.Context, in json.RawMessage, out *cluster.Outlet) error {
			var q text
			return errors.Join(out.Send(1), json.Unmarshal(in, &q), fail[q.Text])
		})
	})
	check := func(how, what string, err error) {
		r, _ := errors.AsType[*policy.Refusal](err)
		e, _ := errors.AsType[*cluster.Elsewhere](err)
		good := map[string]bool{
			"refusal":   r != nil && r.ID == "consent_needed" && r.En == "Please agree first." && r.Zh == "请先同意。" && r.RetryAfter == 1500*time.Millisecond && r.Retry && r.Status == http.StatusForbidden,
			"elsewhere": e != nil && e.Node == "c",
			"other":     errors.Is(err, policy.ErrInternal) && !strings.Contains(err.Error(), "secret"),
		}
		if !good[what] || errors.Is(err, cluster.ErrUnreachable) {
			t.Errorf("%s of %s: %v", how, what, err)
		}
	}
	for what := range fail {
		check("call", what, a.Call(t.Context(), "b", "fail", text{what}, nil))
		s, err := a.Stream(t.Context(), "b", "fail", text{what})
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := s.Recv(&n); err != nil || n != 1 {
			t.Errorf("first line: %d, %v", n, err)
		}
		check("stream", what, s.Recv(&n))
		s.Close()
	}
	if got := strings.Count(b.log.String(), "secret detail"); got != 2 { // one of the call and one of the stream
		t.Errorf("logged %d times: %s", got, b.log)
	}
}

func TestDeadlinesTravel(t *testing.T) {
	left := make(chan time.Duration, 2)
	a, _ := both(t, func(c *cluster.Cluster) {
		c.Handle("wait", func(ctx context.Context, _ json.RawMessage) (any, error) {
			at, _ := ctx.Deadline()
			left <- time.Until(at)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		c.Handle("echo", echo)
	})
	if err := a.Call(t.Context(), "b", "echo", text{}, nil); err != nil { // there is a connection from here on
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := a.Call(ctx, "b", "wait", nil, nil); err == nil {
		t.Error("no error")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	if got := <-left; got <= 0 || got > time.Second {
		t.Errorf("the method had %v left", got)
	}
	go func() { _ = a.Call(t.Context(), "b", "wait", nil, nil) }()
	if got := <-left; got <= 0 || got > 5*time.Second {
		t.Errorf("a call without a deadline has %v", got)
	}
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	a, _ := both(t, func(c *cluster.Cluster) {
		c.Handle("echo", echo)
		c.Handle("grow", func(context.Context, json.RawMessage) (any, error) {
			return text{strings.Repeat("x", cluster.MaxBody)}, nil
		})
	})
	if err := a.Call(t.Context(), "b", "echo", text{strings.Repeat("x", cluster.MaxBody)}, nil); !errors.Is(err, policy.ErrTooLarge) {
		t.Errorf("a large request: %v", err)
	}
	if err := a.Call(t.Context(), "b", "grow", nil, nil); err == nil {
		t.Error("a large answer came")
	}
	if err := a.Call(t.Context(), "b", "echo", text{strings.Repeat("x", cluster.MaxBody-100)}, nil); err != nil {
		t.Errorf("one that is just small enough: %v", err)
	}
}

func TestANodeThatCannotBeReachedFailsFast(t *testing.T) {
	a, b := both(t, func(c *cluster.Cluster) { c.Handle("echo", echo) })
	if err := a.Call(t.Context(), "b", "echo", text{}, nil); err != nil {
		t.Fatal(err)
	}
	b.close()
	for what, call := range map[string]func() error{
		"a dead one": func() error { return a.Call(t.Context(), "b", "echo", text{}, nil) },
		"a stranger": func() error { return a.Call(t.Context(), "nobody", "echo", text{}, nil) },
		"oneself":    func() error { return a.Call(t.Context(), "a", "echo", text{}, nil) },
		"a stream":   func() error { _, err := a.Stream(t.Context(), "b", "echo", text{}); return err },
	} {
		began := time.Now()
		err := call()
		if !errors.Is(err, cluster.ErrUnreachable) || time.Since(began) > 2*time.Second {
			t.Errorf("%s: %v after %v", what, err, time.Since(began))
		}
		if err != nil && strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: the error holds an address: %v", what, err)
		}
	}
}

func TestAnotherNodeAtTheAddressAnswersNothing(t *testing.T) {
	n := newNet(t)
	a := n.add("a", clustertest.Credentials(t, n.authority), nil)
	b := n.add("b", clustertest.Credentials(t, n.authority), func(c *cluster.Cluster) { c.Handle("echo", echo) })
	moved := cluster.Peer{Node: "c", Incarnation: "c-1", Address: b.addr} // it had that address before
	if err := n.table.Join(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	if err := a.Call(t.Context(), "c", "echo", text{}, nil); !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestAMethodThatDoesNotExist(t *testing.T) {
	a, _ := both(t, func(c *cluster.Cluster) { c.Handle("echo", echo) })
	if err := a.Call(t.Context(), "b", "no", nil, nil); err == nil {
		t.Error("a call was answered")
	}
	if _, err := a.Stream(t.Context(), "b", "echo", nil); err == nil {
		t.Error("a call was served as a stream")
	}
}

func TestStrangersReachNoMethod(t *testing.T) {
	var served atomic.Int32
	n := newNet(t)
	b := n.add("b", clustertest.Credentials(t, n.authority), func(c *cluster.Cluster) {
		c.Handle("echo", func(context.Context, json.RawMessage) (any, error) { served.Add(1); return nil, nil })
	})
	other := clustertest.Authority(t)
	evil := n.add("evil", clustertest.Credentials(t, other), nil)
	if err := evil.Call(t.Context(), "b", "echo", nil, nil); !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("a certificate of another authority: %v", err)
	}
	trusting := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
	for what, c := range map[string]struct {
		scheme string
		certs  string
		max    uint16
		h1     bool
	}{
		"plain HTTP":                         {scheme: "http", h1: true},
		"no certificate":                     {scheme: "https"},
		"a certificate of another authority": {scheme: "https", certs: clustertest.Credentials(t, other)},
		"HTTP/1.1":                           {scheme: "https", certs: clustertest.Credentials(t, n.authority), h1: true},
		"TLS 1.2":                            {scheme: "https", certs: clustertest.Credentials(t, n.authority), max: tls.VersionTLS12},
		"a certificate of ours with another name": {scheme: "https", certs: misnamed(t, n.authority)},
	} {
		conf := trusting.Clone()
		conf.MaxVersion = c.max
		if c.certs != "" {
			pair, err := tls.LoadX509KeyPair(c.certs+"/node.crt", c.certs+"/node.key")
			if err != nil {
				t.Fatal(err)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: !c.h1, DisableKeepAlives: true}
		if c.h1 {
			tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.scheme+"://"+b.addr+"/call/echo", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Parley-To", "b")
		resp, err := (&http.Client{Transport: tr}).Do(req)
		if err == nil {
			if resp.StatusCode == http.StatusOK {
				t.Errorf("%s: it was served", what)
			}
			resp.Body.Close()
		}
		tr.CloseIdleConnections()
	}
	if served.Load() != 0 {
		t.Errorf("served %d strangers", served.Load())
	}
}

func TestTheHandlerRefusesAServerWithoutMutualTLS(t *testing.T) {
	n := newNet(t)
	b := n.add("b", clustertest.Credentials(t, n.authority), func(c *cluster.Cluster) { c.Handle("echo", echo) })
	w := newRecorder()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/call/echo", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Parley-To", "b")
	b.Handler().ServeHTTP(w, r)
	if w.status != http.StatusForbidden {
		t.Errorf("status %d", w.status)
	}
}

// recorder is the least of an http.ResponseWriter.
type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder                          { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header               { return r.header }
func (r *recorder) WriteHeader(status int)            { r.status = status }
func (r *recorder) Write(b []byte) (n int, err error) { return len(b), nil }

func TestCredentialsAreTakenUpWhenTheyChange(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the files to be looked at")
	}
	n := newNet(t)
	certs := clustertest.Credentials(t, n.authority)
	b := n.add("b", clustertest.Credentials(t, n.authority), func(c *cluster.Cluster) { c.Handle("echo", echo) })
	was := leaf(t, b.addr, certs)
	next := n.add("c", certs, nil)
	if err := cluster.MakeNode(n.authority, certs, time.Hour); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "the new certificate is shown", func() bool { return leaf(t, next.addr, certs) != was })
}

// leaf is the serial number of what a node shows.
func leaf(t *testing.T, addr, certs string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certs+"/node.crt", certs+"/node.key")
	if err != nil {
		return "" // being replaced
	}
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// ended waits for the end of something and says how it was.
func ended(t *testing.T, c <-chan error, limit time.Duration) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(limit):
		t.Fatalf("it goes on after %v", limit)
		return nil
	}
}

func eventually(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %v: %s", limit, what)
		}
	}
}
