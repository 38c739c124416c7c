package interview_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/pion/rtp"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
	"parley/signal/interview"
	"parley/signal/interview/interviewtest"
	"parley/signal/media"
	"parley/signal/wire"
	"parley/storage/keys"
)

// What the doubles did, in order: the tests of order read it.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// count says how often a line was written.
func (d *diary) count(line string) int {
	n := 0
	for _, l := range d.read() {
		if l == line {
			n++
		}
	}
	return n
}

// fault makes a double fail until it is mended by breakDown(nil).
type fault struct {
	lock sync.Mutex
	err  error
}

func (f *fault) breakDown(err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.err = err
}

func (f *fault) broken() error {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.err
}

// talk is a chat of one conversation, "c1", unless more are added.
type talk struct {
	*diary
	mu      sync.Mutex
	members map[chat.ConversationID][]chat.Member
	posts   map[chat.ClientID]chat.Draft
	order   []chat.ClientID
	fault
	stuck chan struct{} // posts wait for it
}

func (c *talk) Members(_ context.Context, id chat.ConversationID) ([]chat.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.members[id]; ok {
		return m, nil
	}
	return nil, policy.ErrNotFound
}

func (c *talk) Post(ctx context.Context, id chat.ConversationID, d chat.Draft) (chat.Ack, error) {
	if c.stuck != nil {
		select {
		case <-c.stuck:
		case <-ctx.Done():
			return chat.Ack{}, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.broken(); err != nil {
		return chat.Ack{}, err
	}
	_, dup := c.posts[d.CID]
	if !dup {
		c.posts[d.CID] = d
		c.order = append(c.order, d.CID)
	}
	return chat.Ack{Dup: dup}, nil
}

// cards are the interview entries as they stand in the log.
func (c *talk) cards() []wire.InterviewContent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []wire.InterviewContent
	for _, id := range c.order {
		var card wire.InterviewContent
		if c.posts[id].Type == chat.TypeInterview && json.Unmarshal(c.posts[id].Content, &card) == nil {
			all = append(all, card)
		}
	}
	return all
}

// book is an audit log that can be full.
type book struct {
	*diary
	fault
}

func (b *book) Record(_ context.Context, _ identity.Principal, action, _ string, _ ...string) error {
	err := b.broken()
	if err == nil {
		b.write("audit " + action)
	}
	return err
}

// hub notes who was told.
type hub struct {
	mu       sync.Mutex
	views    int
	receipts []wire.InterviewReceipt
}

func (h *hub) Interview([]identity.UserID, interview.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.views++
}

func (h *hub) Receipt(_ []identity.UserID, r wire.InterviewReceipt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.receipts = append(h.receipts, r)
}

func (h *hub) got() []wire.InterviewReceipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.receipts)
}

func (h *hub) seen() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.views
}

// reels is a recorder in memory.
type reels struct {
	*diary
	mu    sync.Mutex
	fault
	parts []*reel
	slow  atomic.Int64 // how long stopping takes, in nanoseconds
}

// reel is one part.
type reel struct {
	recorder *reels
	spec     interview.RecordingSpec
	started  time.Time

	mu      sync.Mutex
	sinks   map[identity.UserID]*sink
	agreed  map[identity.UserID]string
	ended   time.Time
	stopped string
}

// sink counts what it takes.
type sink struct {
	mu      sync.Mutex
	packets int
	events  []media.Event
	failed  chan struct{}
}

func (r *reels) Start(_ context.Context, s interview.RecordingSpec) (interview.Recording, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.broken(); err != nil {
		return nil, err
	}
	part := &reel{recorder: r, spec: s, started: time.Now(), sinks: map[identity.UserID]*sink{}, agreed: map[identity.UserID]string{}}
	for _, p := range s.Participants {
		part.agreed[p.User] = p.Grant.Version
	}
	r.parts = append(r.parts, part)
	r.write("recording starts")
	return part, nil
}

func (r *reels) Parts(context.Context, interview.ID) ([]interview.Part, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []interview.Part
	for _, p := range r.parts {
		p.mu.Lock()
		part := interview.Part{Started: p.started, Ended: p.ended}
		if p.stopped != "" {
			part.Head = &wire.ReceiptHead{Head: p.stopped}
		}
		p.mu.Unlock()
		all = append(all, part)
	}
	return all, nil
}

func (r *reels) last(t *testing.T) *reel {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.parts) == 0 {
		t.Fatal("nothing was recorded")
	}
	return r.parts[len(r.parts)-1]
}

func (r *reels) all() []*reel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.parts)
}

func (p *reel) Sink(_ context.Context, user identity.UserID) (media.Sink, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.agreed[user] == "" {
		return nil, policy.ErrConsentNeeded
	}
	if p.sinks[user] == nil {
		p.sinks[user] = &sink{failed: make(chan struct{})}
	}
	return p.sinks[user], nil
}

func (p *reel) Consent(_ context.Context, user identity.UserID, g privacy.Grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.agreed[user] = g.Version
}

func (p *reel) Stop(_ context.Context, reason string) error {
	time.Sleep(time.Duration(p.recorder.slow.Load()))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped, p.ended = reason, time.Now()
	p.recorder.write("recording stops: " + reason)
	return nil
}

func (p *reel) sink(t *testing.T, user identity.UserID) *sink {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sinks[user] == nil {
		t.Fatalf("%s has no sink", user)
	}
	return p.sinks[user]
}

func (p *reel) end() (reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (s *sink) Packet(media.Packet) { s.mu.Lock(); s.packets++; s.mu.Unlock() }
func (s *sink) Report(media.Report) {}
func (s *sink) Event(e media.Event) { s.mu.Lock(); s.events = append(s.events, e); s.mu.Unlock() }
func (s *sink) Failed() <-chan struct{} {
	return s.failed
}
func (s *sink) Err() error { return errors.New("disk is full") }

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets
}

func (s *sink) gaps() (reasons []media.GapReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if g, ok := e.(media.Gap); ok {
			reasons = append(reasons, g.Reason)
		}
	}
	return reasons
}

// halls is an SFU without a network.
type halls struct {
	*diary
	mu    sync.Mutex
	fault
	rooms []*hall
}

type hall struct {
	halls  *halls
	mu     sync.Mutex
	peers  map[identity.UserID]*peer
	closed bool
}

type peer struct {
	hall *hall
	spec interview.PeerSpec

	mu      sync.Mutex
	handled []wire.Body
	muted   map[media.Label]bool
	asked   []media.TrackID
	gone    bool
}

func (h *halls) NewRoom(interview.ID, int) (interview.Room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.broken(); err != nil {
		return nil, err
	}
	r := &hall{halls: h, peers: map[identity.UserID]*peer{}}
	h.rooms = append(h.rooms, r)
	h.write("room opens")
	return r, nil
}

func (h *hall) Join(s interview.PeerSpec) (interview.Peer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, policy.ErrGone
	}
	p := &peer{hall: h, spec: s, muted: map[media.Label]bool{}}
	h.peers[s.User] = p
	h.halls.write("peer " + string(s.User))
	return p, nil
}

func (h *hall) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.halls.write("room closes")
	}
	h.closed = true
	for _, p := range h.peers {
		p.leave()
	}
}

func (p *peer) Handle(b wire.Body) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return policy.ErrGone
	}
	p.handled = append(p.handled, b)
	return nil
}

func (p *peer) Mute(l media.Label, muted bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted[l] = muted
	return nil
}

func (p *peer) RequestKeyFrame(t media.TrackID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, t)
}

func (p *peer) Leave() { p.leave() }

func (p *peer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

func (p *peer) out() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// plays has the client send a packet, which the SFU hands to the sink while the peer is in.
func (p *peer) plays() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		p.spec.Sink.Packet(media.Packet{Track: 1, Arrival: time.Now(), RTP: &rtp.Packet{}})
	}
}

// vault holds one key.
type vault struct{ keys.Vault }

func (vault) Create(context.Context, keys.Name) (keys.Key, error) { return keys.Key{7}, nil }

// world is a service with doubles around it.
type world struct {
	*interview.Service
	*diary
	t        *testing.T
	store    *interviewtest.Memory
	consents *privacytest.Memory
	ledger   *privacy.Ledger
	texts    *policy.Texts
	chat     *talk
	audit    *book
	hub      *hub
	recorder *reels
	sfu      *halls
	config   interview.Config
	clients  map[identity.UserID]*browser // the latest of each user; see connect
	stop     func()
}

// newWorld makes the doubles; run starts a service over them.
func newWorld(t *testing.T) *world {
	d := &diary{}
	w := &world{diary: d, t: t, store: &interviewtest.Memory{}, consents: &privacytest.Memory{}, texts: policy.BuiltinTexts(),
		chat: &talk{diary: d, posts: map[chat.ClientID]chat.Draft{}, members: map[chat.ConversationID][]chat.Member{
			"c1": {{User: "zoe", Role: identity.Recruiter}, {User: "ann", Role: identity.Candidate}}}},
		audit: &book{diary: d}, hub: &hub{}, clients: map[identity.UserID]*browser{}, recorder: &reels{diary: d}, sfu: &halls{diary: d}}
	return w
}

// run starts a service, as after a start of the process; the one before must be stopped.
func (w *world) run() {
	w.t.Helper()
	w.ledger = privacy.New(privacy.Config{Store: w.consents, Vault: vault{}, Texts: w.texts})
	c := w.config
	c.Store, c.Chat, c.Ledger, c.Recorder, c.SFU, c.Hub, c.Audit, c.Texts = w.store, w.chat, w.ledger, w.recorder, w.sfu, w.hub, w.audit, w.texts
	w.Service = interview.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				w.t.Errorf("run: %v", err)
			}
		})
	}
}

// inBubble runs a test over a running world, with time that waits for nobody.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run()
		defer func() { w.stop() }()
		test(t, w)
	})
}

var (
	recruiter = identity.Principal{User: "zoe", Role: identity.Recruiter}
	candidate = identity.Principal{User: "ann", Role: identity.Candidate}
	stranger  = identity.Principal{User: "eve", Role: identity.Recruiter}
	backend   = identity.Principal{User: "platform", Role: identity.Service}
)

const notice = "interview-recording@1"

// open opens the interview of c1.
func (w *world) open() interview.ID {
	w.t.Helper()
	v, err := w.Open(w.t.Context(), recruiter, interview.Spec{Conversation: "c1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return interview.ID(v.ID)
}

func (w *world) agree(p identity.Principal, id interview.ID) {
	w.t.Helper()
	w.must(w.Consent(w.t.Context(), p, wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true}))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused checks for a refusal.
func refused(t *testing.T, what string, err error, want *policy.Refusal) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %s", what, err, want.ID)
	}
}

// browser is what one connection got.
type browser struct {
	interview.Seat
	mu   sync.Mutex
	got  []wire.Body
	lost []string
}

func newBrowser(device string) *browser {
	c := &browser{}
	c.Seat = interview.Seat{ID: uuid.NewString(), Device: device,
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

// enter agrees and joins.
func (w *world) enter(p identity.Principal, id interview.ID) *browser {
	w.t.Helper()
	w.agree(p, id)
	return w.rejoin(p, id)
}

func (w *world) rejoin(p identity.Principal, id interview.ID) *browser {
	w.t.Helper()
	c := newBrowser("device of " + string(p.User))
	_, err := w.Join(w.t.Context(), p, id, c.Seat)
	w.must(err)
	return c
}

// live brings both in.
func (w *world) live() (id interview.ID, zoe, ann *browser) {
	w.t.Helper()
	id = w.open()
	zoe, ann = w.enter(recruiter, id), w.enter(candidate, id)
	if v := w.view(recruiter, id); v.State != "live" {
		w.t.Fatalf("state %q with both in", v.State)
	}
	return id, zoe, ann
}

func (w *world) view(p identity.Principal, id interview.ID) wire.Interview {
	w.t.Helper()
	v, err := w.View(w.t.Context(), p, id)
	w.must(err)
	return v
}

// side is a participant of a view.
func side(t *testing.T, v wire.Interview, user identity.UserID) wire.Participant {
	t.Helper()
	for _, p := range v.Participants {
		if p.User == string(user) {
			return p
		}
	}
	t.Fatalf("%s is not in the view", user)
	return wire.Participant{}
}

// peer is the user's latest peer.
func (w *world) peer(user identity.UserID) *peer {
	w.t.Helper()
	w.sfu.mu.Lock()
	defer w.sfu.mu.Unlock()
	for _, r := range slices.Backward(w.sfu.rooms) {
		r.mu.Lock()
		p := r.peers[user]
		r.mu.Unlock()
		if p != nil {
			return p
		}
	}
	w.t.Fatalf("%s has no peer", user)
	return nil
}

// ended checks how it ended, in the view and in the conversation, and that nothing flows any more.
func (w *world) ended(id interview.ID, why interview.Reason) {
	w.t.Helper()
	v := w.view(recruiter, id)
	if v.State != "ended" || v.Reason != string(why) || v.Recording {
		w.t.Errorf("state %q, reason %q, recording %v; want ended, %q", v.State, v.Reason, v.Recording, why)
	}
	if cards := w.chat.cards(); len(cards) == 0 || cards[len(cards)-1].Reason != string(why) {
		w.t.Errorf("cards are %+v", cards)
	}
	w.sfu.mu.Lock()
	defer w.sfu.mu.Unlock()
	for _, r := range w.sfu.rooms {
		r.mu.Lock()
		if !r.closed {
			w.t.Error("a room is still open")
		}
		r.mu.Unlock()
	}
}

// pass lets time pass in the bubble, and whatever it sets off happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
