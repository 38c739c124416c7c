package gateway_test

import (
	"context"

	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/testlog"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
	"parley/storage/bus"
	"parley/storage/bus/local"
	"parley/storage/db"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ann, rob = chattest.Ann, chattest.Rob

const kid = "test"

var secret = []byte("a secret of at least thirty-two bytes")

// node is a gateway over a real chat service, whose store forgets unless onSQLite is asked for.
type node struct {
	*gateway.Gateway
	t       testing.TB
	cfg     gateway.Config
	db      *db.DB // nil unless onSQLite
	store   chat.Store
	vault   keys.Vault
	chat    *chat.Service
	bus     *lossy
	metrics *prometheus.Registry
	logs    *testlog.Buffer
	url     string
	pipes   *pipes                          // nil: TCP
	around  func(gateway.Chat) gateway.Chat // nil: the service as it is
	options chat.Neighbours
}

type option func(*node)

// onSQLite keeps conversations and revocations in a database.
func onSQLite(n *node) {
	d, err := db.OpenSQLite(n.t.Context(), filepath.Join(n.t.TempDir(), "parley.db"))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { d.Close() })
	n.db, n.store, n.cfg.Revocations = d, d.Chat(), d.Revocations()
}

func limits(l gateway.Limits) option { return func(n *node) { n.cfg.Limits = l } }

func interviews(i gateway.Interviews) option { return func(n *node) { n.cfg.Interviews = i } }

// overPipes replaces TCP by pipes, which buffer nothing.
func overPipes(n *node) { n.pipes = newPipes() }

// start runs a node until the test ends.
func start(t testing.TB, opts ...option) *node {
	t.Helper()
	n := &node{
		t: t, store: &chattest.Memory{}, vault: keystest.New(), bus: &lossy{Bus: local.New(local.Config{})}, metrics: prometheus.NewRegistry(), logs: &testlog.Buffer{},
	}
	log := slog.New(slog.NewJSONHandler(n.logs, nil))
	n.cfg = gateway.Config{Bus: n.bus, Node: "n1", Texts: policy.BuiltinTexts(), Log: log, Metrics: n.metrics}
	for _, o := range opts {
		o(n)
	}
	n.chat = chat.New(n.store, n.vault, gateway.NewHub(n.bus, log), chat.Config{Log: log, Metrics: n.metrics})
	verifier, err := identity.NewVerifier(identity.VerifierConfig{Keys: map[string][]byte{kid: secret}, Revocations: n.cfg.Revocations, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	n.chat.Use(n.options)
	n.cfg.Verifier, n.cfg.Chat = verifier, n.chat
	if n.around != nil {
		n.cfg.Chat = n.around(n.chat)
	}
	n.Gateway = gateway.New(n.cfg)
	n.run(n.chat.Run)
	n.run(n.Gateway.Run)
	n.serve()
	return n
}

// run runs f until the test ends; what is started first stops last.
func (n *node) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("run: %v", err)
		}
	})
}

func (n *node) serve() {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/ws", n.Gateway)
	s := httptest.NewUnstartedServer(mux)
	if n.pipes != nil {
		s.Listener.Close()
		s.Listener = n.pipes
	}
	s.Start()
	n.url = strings.Replace(s.URL, "http", "ws", 1) + "/v1/ws"
	if n.pipes != nil {
		n.url = "ws://pipe/v1/ws"
	}
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n.Drain(ctx)
		s.Close()
	})
}

// http is the client that reaches the node.
func (n *node) http() *http.Client {
	tr := &http.Transport{DisableKeepAlives: true}
	if n.pipes != nil {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return n.pipes.dial(ctx) }
	}
	return &http.Client{Transport: tr}
}

func (n *node) open() string {
	n.t.Helper()
	c, err := n.chat.Open(n.t.Context(), chattest.Platform, chat.NewConversation{
		Key: string(chattest.CID(n.t)), Title: "后端工程师", Members: chattest.Founders(),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return string(c.ID)
}

// say sends texts as fast as they are taken and returns the last ack.
func (n *node) say(p identity.Principal, id string, texts ...string) chat.Ack {
	n.t.Helper()
	acks := make([]chat.Ack, len(texts))
	for i := 0; i < len(texts); i += 100 {
		var group sync.WaitGroup
		for j := i; j < min(i+100, len(texts)); j++ {
			group.Go(func() {
				a, err := n.chat.Send(n.t.Context(), p, chattest.Text(n.t, chat.ConversationID(id), texts[j]))
				if err != nil {
					n.t.Error(err)
				}
				acks[j] = a
			})
		}
		group.Wait()
	}
	return acks[len(acks)-1]
}

// token is valid for a time; Ann is an adult candidate, Rob a verified recruiter.
func token(t testing.TB, p identity.Principal, life time.Duration) string {
	t.Helper()
	now := time.Now()
	c := identity.Claims{User: p.User, Role: p.Role, Age: identity.Adult, Issued: now, Expires: now.Add(life)}
	if p.Role == identity.Recruiter {
		c.Company, c.Attested = "c-1", now.Add(24*time.Hour)
	}
	s, err := identity.Mint(kid, secret, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inbox collects pushes.
type inbox struct {
	mu   sync.Mutex
	all  []wire.Body
	more chan struct{}
}

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1)} }

func (i *inbox) push(b wire.Body) {
	i.mu.Lock()
	i.all = append(i.all, b)
	i.mu.Unlock()
	select {
	case i.more <- struct{}{}:
	default:
	}
}

func (i *inbox) list() []wire.Body {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]wire.Body(nil), i.all...)
}

// find waits for a push of the kind for which ok holds.
func find[T wire.Body](t testing.TB, i *inbox, ok func(T) bool) T {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		for _, b := range i.list() {
			if v, is := b.(T); is && ok(v) {
				return v
			}
		}
		select {
		case <-i.more:
		case <-deadline:
			var none T
			t.Fatalf("no %s came; got %v", none.Kind(), i.list())
		}
	}
}

func seqs(i *inbox, conversation string) (got []uint64) {
	for _, b := range i.list() {
		if e, ok := b.(wire.ChatEntry); ok && e.Conversation == conversation {
			got = append(got, e.Seq)
		}
	}
	return got
}

// join opens a session of the Go client, closed when the test ends.
func (n *node) join(p identity.Principal, o client.Options) (*client.Session, *inbox) {
	n.t.Helper()
	in := newInbox()
	if o.Push == nil {
		o.Push = in.push
	}
	o.HTTP, o.Delay, o.MaxDelay = n.http(), 5*time.Millisecond, 40*time.Millisecond
	s, err := client.Dial(n.t.Context(), n.url, token(n.t, p, time.Hour), o)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { s.Close() })
	return s, in
}

// raw is a connection that does only what a test says.
type raw struct {
	*websocket.Conn
	t     testing.TB
	lines [][]byte
}

func (n *node) raw() *raw {
	n.t.Helper()
	c, _, err := websocket.Dial(n.t.Context(), n.url, &websocket.DialOptions{HTTPClient: n.http(), Subprotocols: []string{wire.Subprotocol}})
	if err != nil {
		n.t.Fatal(err)
	}
	c.SetReadLimit(wire.MaxAnswer)
	n.t.Cleanup(func() { c.CloseNow() })
	return &raw{Conn: c, t: n.t}
}

// signIn says hello and returns the welcome.
func (n *node) signIn(p identity.Principal, resume map[string]uint64) (*raw, wire.Welcome) {
	n.t.Helper()
	r := n.raw()
	r.send("h", wire.Hello{Token: token(n.t, p, time.Hour), Resume: resume})
	return r, expect[wire.Welcome](r, "h")
}

func (r *raw) send(ref string, b wire.Body) {
	r.t.Helper()
	line, err := wire.Encode(wire.Frame{Ref: ref, Body: b})
	if err != nil {
		r.t.Fatal(err)
	}
	r.line(string(line))
}

func (r *raw) line(s string) {
	r.t.Helper()
	if err := r.Write(r.t.Context(), websocket.MessageText, []byte(s)); err != nil {
		r.t.Fatal(err)
	}
}

// next reads a frame; an error is how the connection ended.
func (r *raw) next() (wire.Frame, error) {
	r.t.Helper()
	for len(r.lines) == 0 {
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		defer cancel()
		_, m, err := r.Read(ctx)
		if err != nil {
			return wire.Frame{}, err
		}
		if r.lines, err = wire.SplitMessage(wire.Server, m); err != nil {
			r.t.Fatal(err)
		}
	}
	f, err := wire.DecodeFrom(wire.Server, r.lines[0])
	if err != nil {
		r.t.Fatalf("%s: %v", r.lines[0], err)
	}
	r.lines = r.lines[1:]
	return f, nil
}

// expect reads until a frame of the kind with the ref comes.
func expect[T wire.Body](r *raw, ref string) T {
	r.t.Helper()
	for {
		f, err := r.next()
		if err != nil {
			var none T
			r.t.Fatalf("waiting for %s: %v", none.Kind(), err)
		}
		if b, ok := f.Body.(T); ok && f.Ref == ref {
			return b
		}
		if e, ok := f.Body.(wire.Error); ok && f.Ref == ref {
			r.t.Fatalf("refused: %s %s", e.ID, e.Text["en"])
		}
	}
}

func (r *raw) expectError(ref, id string) wire.Error {
	r.t.Helper()
	for {
		f, err := r.next()
		if err != nil {
			r.t.Fatalf("waiting for error %s: %v", id, err)
		}
		if e, ok := f.Body.(wire.Error); ok && f.Ref == ref {
			if e.ID != id {
				r.t.Fatalf("got error %s, want %s", e.ID, id)
			}
			return e
		}
	}
}

// expectClose reads to the end and returns what came before it.
func (r *raw) expectClose(code wire.Close) (before []wire.Body) {
	r.t.Helper()
	for {
		f, err := r.next()
		if err == nil {
			before = append(before, f.Body)
			continue
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusCode(code) {
			r.t.Fatalf("closed with %d (%v), want %d", got, err, code)
		}
		return before
	}
}

// lossy is a bus that can be told to lose everything, and to say that it did.
type lossy struct {
	bus.Bus
	mu      sync.Mutex
	lose    bool
	told    int // all nodes were, so often
	receive func(bus.Message)
}

// resync tells the receiver that messages were lost.
func (l *lossy) resync() {
	l.mu.Lock()
	f := l.receive
	l.mu.Unlock()
	f(bus.Message{Resync: true})
}

func (l *lossy) Receive(ctx context.Context, n bus.Node, f func(bus.Message)) error {
	l.mu.Lock()
	l.receive = f
	l.mu.Unlock()
	return l.Bus.Receive(ctx, n, f)
}

func (l *lossy) loseAll(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = yes
}

func (l *lossy) Tell(ctx context.Context, payload []byte) error {
	l.mu.Lock()
	l.told++
	l.mu.Unlock()
	return l.Bus.Tell(ctx, payload)
}

func (l *lossy) toldAll() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func (l *lossy) Send(ctx context.Context, users []string, payload []byte) error {
	l.mu.Lock()
	lose := l.lose
	l.mu.Unlock()
	if lose {
		return nil
	}
	return l.Bus.Send(ctx, users, payload)
}

// metric sums a metric of the node over the label values that hold all of match.
func (n *node) metric(name string, match ...string) (sum float64) {
	n.t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && labelled(m, match) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func labelled(m *dto.Metric, match []string) bool {
	have := map[string]bool{}
	for _, l := range m.GetLabel() {
		have[l.GetValue()] = true
	}
	for _, want := range match {
		if !have[want] {
			return false
		}
	}
	return true
}

// pipes is a listener of connections without any buffer.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// eventually polls until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	chattest.Eventually(t, what, ok)
}
