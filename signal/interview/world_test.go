package interview_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
	"parley/signal/interview"
	"parley/signal/interview/interviewtest"
	"parley/signal/wire"
	"parley/storage/keys"
)

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
