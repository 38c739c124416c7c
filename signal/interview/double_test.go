package interview_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/interview"
	"parley/signal/media"
	"parley/signal/wire"
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
	closed  map[identity.UserID]error // why somebody may not write
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

func (c *talk) Admit(_ context.Context, a chat.Attempt) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return nil, c.closed[a.By.User]
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
	mu sync.Mutex
	fault
	parts []*reel
	slow  atomic.Int64 // how long stopping takes, in nanoseconds
	stuck atomic.Bool  // stopping fails
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
	<-time.After(time.Duration(p.recorder.slow.Load()))
	if p.recorder.stuck.Load() {
		return errors.New("no way to seal it now")
	}
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
	mu sync.Mutex
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
