package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/chat"
	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/interview/interviewtest"
	"parley/signal/interview/remote"
	"parley/signal/media"
	"parley/signal/wire"
	"parley/storage/keys"
)

var _ gateway.Interviews = (*remote.Router)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	recruiter = identity.Principal{User: "zoe", Role: identity.Recruiter}
	candidate = identity.Principal{User: "ann", Role: identity.Candidate}
	stranger  = identity.Principal{User: "eve", Role: identity.Recruiter}
)

const notice = "interview-recording@1"

// shared is what all nodes have in common.
type shared struct {
	t         *testing.T
	authority string
	table     *clustertest.Memory
	store     *interviewtest.Memory
	consents  *privacytest.Memory
}

// pace is how fast a test's nodes beat.
type pace struct{ beat, ttl time.Duration }

var (
	usual = pace{}
	quick = pace{100 * time.Millisecond, 1500 * time.Millisecond}
)

// node is one server without doors.
type node struct {
	*remote.Router
	t       *testing.T
	svc     *interview.Service
	cluster *cluster.Cluster
	ledger  *privacy.Ledger
	cable   *clustertest.Cable
	relay   *clustertest.Relay // how the others reach it
	halls   *halls
	reels   *reels
	hang    func() // closes its listener, as a killed process does
	stop    func()
}

// pair starts two nodes.
func pair(t *testing.T, p pace) (a, b *node) {
	s := &shared{t: t, authority: clustertest.Authority(t), table: &clustertest.Memory{}, store: &interviewtest.Memory{},
		consents: &privacytest.Memory{}}
	return s.start("a", p), s.start("b", p)
}

func (s *shared) start(name cluster.NodeID, p pace) *node {
	t := s.t
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, cable: &clustertest.Cable{Store: s.table}, relay: clustertest.NewRelay(t, l.Addr().String()), halls: &halls{}, reels: &reels{}}
	n.cluster = cluster.New(cluster.Config{Store: n.cable, Node: name, Address: n.relay.Addr(), TLS: clustertest.Credentials(t, s.authority),
		Beat: p.beat, TTL: p.ttl, Queue: 256 << 10})
	n.ledger = privacy.New(privacy.Config{Store: s.consents, Vault: vault{}, Texts: policy.BuiltinTexts()})
	n.svc = interview.New(interview.Config{Store: s.store, Chat: talk{}, Ledger: n.ledger, Recorder: n.reels, SFU: n.halls, Hub: hub{},
		Audit: book{}, Texts: policy.BuiltinTexts(), Leases: n.cluster, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	n.Router = remote.New(remote.Config{Service: n.svc, Cluster: n.cluster, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err := n.cluster.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stops []func()
	run := func(what string, f func(context.Context) error) func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f(ctx) }()
		stop := sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil && !strings.Contains(err.Error(), clustertest.ErrCut.Error()) {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		})
		stops = append(stops, stop)
		return stop
	}
	run("cluster", n.cluster.Run)
	n.hang = run("calls", func(ctx context.Context) error { return n.cluster.Serve(ctx, l) })
	run("interviews", n.svc.Run)
	run("seats", n.Router.Run)
	n.stop = sync.OnceFunc(func() {
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	})
	t.Cleanup(n.stop)
	eventually(t, 5*time.Second, "interviews are served", func() bool {
		return errors.Is(n.svc.End(t.Context(), recruiter, "none"), policy.ErrNotFound)
	})
	return n
}

func (n *node) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) open() interview.ID {
	n.t.Helper()
	v, err := n.Open(n.t.Context(), recruiter, interview.Spec{Conversation: "c1"})
	n.must(err)
	return interview.ID(v.ID)
}

// enter agrees and joins.
func (n *node) enter(p identity.Principal, id interview.ID) *browser {
	n.t.Helper()
	n.must(n.Consent(n.t.Context(), p, wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true}))
	return n.rejoin(p, id)
}

func (n *node) rejoin(p identity.Principal, id interview.ID) *browser {
	n.t.Helper()
	c := newBrowser()
	_, err := n.Join(n.t.Context(), p, id, c.Seat)
	n.must(err)
	return c
}

// live opens an interview that a owns; the recruiter is on a, the candidate on b.
func live(a, b *node) (id interview.ID, zoe, ann *browser) {
	a.t.Helper()
	id = a.open()
	zoe, ann = a.enter(recruiter, id), b.enter(candidate, id)
	for _, n := range []*node{a, b} {
		if v, err := n.View(n.t.Context(), recruiter, id); err != nil || v.State != "live" || !v.Recording {
			n.t.Fatalf("view on %s: %+v, %v", n.cluster.Node(), v, err)
		}
	}
	if !a.svc.Holds(id) || b.svc.Holds(id) {
		a.t.Fatal("a does not own the interview")
	}
	return id, zoe, ann
}

// browser is what one connection got.
type browser struct {
	interview.Seat
	mu   sync.Mutex
	got  []wire.Body
	lost []string
}

var connections atomic.Int64

func newBrowser() *browser {
	c := &browser{}
	c.Seat = interview.Seat{ID: "connection " + time.Now().String() + string(rune('a'+connections.Add(1))), Device: "d",
		Send: func(b wire.Body) { c.mu.Lock(); c.got = append(c.got, b); c.mu.Unlock() },
		Lost: func(r string) { c.mu.Lock(); c.lost = append(c.lost, r); c.mu.Unlock() }}
	return c
}

func (c *browser) losses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lost)
}

func (c *browser) frames() []wire.Body {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func eventually(t *testing.T, limit time.Duration, what string, so func() bool) time.Duration {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for ; !so(); <-tick.C {
		if time.Since(began) > limit {
			t.Fatalf("not so after %v: %s", limit, what)
		}
	}
	return time.Since(began)
}

// The doubles.

type vault struct{ keys.Vault }

func (vault) Create(context.Context, keys.Name) (keys.Key, error) { return keys.Key{7}, nil }

// talk is a chat whose every conversation has the same two members.
type talk struct{}

func (talk) Admit(context.Context, chat.Attempt) (json.RawMessage, error) { return nil, nil }

func (talk) Members(context.Context, chat.ConversationID) ([]chat.Member, error) {
	return []chat.Member{{User: "zoe", Role: identity.Recruiter}, {User: "ann", Role: identity.Candidate}}, nil
}

func (talk) Post(context.Context, chat.ConversationID, chat.Draft) (chat.Ack, error) {
	return chat.Ack{}, nil
}

type book struct{}

func (book) Record(context.Context, identity.Principal, string, string, ...string) error { return nil }

type hub struct{}

func (hub) Interview([]identity.UserID, interview.ID)        {}
func (hub) Receipt([]identity.UserID, wire.InterviewReceipt) {}
func (*reels) Parts(context.Context, interview.ID) ([]interview.Part, error) {
	return []interview.Part{{Head: &wire.ReceiptHead{Head: "abc"}}}, nil
}

// reels records nothing and notes why each part was stopped.
type reels struct {
	mu      sync.Mutex
	stopped []string
}

func (r *reels) Start(context.Context, interview.RecordingSpec) (interview.Recording, error) {
	return reel{r}, nil
}

func (r *reels) ends() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stopped)
}

type reel struct{ all *reels }

func (reel) Sink(context.Context, identity.UserID) (media.Sink, error) { return sink{}, nil }
func (reel) Consent(context.Context, identity.UserID, privacy.Grant)   {}
func (r reel) Stop(_ context.Context, reason string) error {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	r.all.stopped = append(r.all.stopped, reason)
	return nil
}

type sink struct{}

func (sink) Packet(media.Packet)     {}
func (sink) Report(media.Report)     {}
func (sink) Event(media.Event)       {}
func (sink) Failed() <-chan struct{} { return nil }
func (sink) Err() error              { return nil }

// halls is an SFU without a network.
type halls struct {
	mu    sync.Mutex
	peers map[identity.UserID]*peer // the latest
}

type hall struct {
	halls *halls
	mu    sync.Mutex
	in    []*peer
}

type peer struct {
	spec interview.PeerSpec
	mu   sync.Mutex
	got  []wire.Body
	gone bool
}

func (h *halls) NewRoom(interview.ID, int) (interview.Room, error) { return &hall{halls: h}, nil }

func (h *halls) peer(u identity.UserID) *peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.peers[u]
}

func (h *hall) Join(s interview.PeerSpec) (interview.Peer, error) {
	p := &peer{spec: s}
	s.Send(wire.RTCOffer{PC: wire.Sub, SDP: "first"}) // before the join is answered
	h.mu.Lock()
	h.in = append(h.in, p)
	h.mu.Unlock()
	h.halls.mu.Lock()
	defer h.halls.mu.Unlock()
	if h.halls.peers == nil {
		h.halls.peers = map[identity.UserID]*peer{}
	}
	h.halls.peers[s.User] = p
	return p, nil
}

func (h *hall) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.in {
		p.Leave()
	}
}

func (p *peer) Handle(b wire.Body) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return policy.ErrGone
	}
	p.got = append(p.got, b)
	return nil
}

func (p *peer) Mute(media.Label, bool) error  { return nil }
func (p *peer) RequestKeyFrame(media.TrackID) {}
func (p *peer) Leave()                        { p.mu.Lock(); p.gone = true; p.mu.Unlock() }

func (p *peer) out() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *peer) heard() []wire.Body {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}
