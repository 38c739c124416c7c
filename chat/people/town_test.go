package people_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/people"
	"parley/chat/people/peopletest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

// The people of the town. Rob and Rita recruit for c-acme, Otto for c-other; Hana is a headhunter.
var (
	ann  = identity.Principal{User: "u-ann", Role: identity.Candidate}
	bea  = identity.Principal{User: "u-bea", Role: identity.Candidate}
	rob  = identity.Principal{User: "u-rob", Role: identity.Recruiter, Company: "c-acme"}
	rita = identity.Principal{User: "u-rita", Role: identity.Recruiter, Company: "c-acme"}
	otto = identity.Principal{User: "u-otto", Role: identity.Recruiter, Company: "c-other"}
	hana = identity.Principal{User: "u-hana", Role: identity.Headhunter, Company: "c-hunt"}
)

// town is a chat with people beside it, over stores in memory.
type town struct {
	*people.Service
	chat   *chattest.Node
	memory *peopletest.Memory
	store  *counting
	faults *peopletest.Faults
	vault  *asked
	clock  *clock
	told   *told
	config people.Config
	t      testing.TB
}

func newTown(t testing.TB, change ...func(*people.Config)) *town {
	t.Helper()
	w := &town{memory: &peopletest.Memory{}, vault: &asked{Vault: keystest.New()}, clock: &clock{at: time.Date(2026, 3, 9, 4, 0, 0, 0, time.UTC)}, told: &told{}, t: t}
	w.faults = &peopletest.Faults{Store: w.memory}
	w.store = &counting{Store: w.faults}
	door := &door{}
	w.config = people.Config{Store: w.store, Vault: w.vault, Chat: door, Hub: w.told, Now: w.clock.now}
	for _, f := range change {
		f(&w.config)
	}
	w.Service = w.node()
	around := chat.Neighbours{Gates: []chat.Gate{w.Service}, Openers: []chat.Opener{w.Service}, Preferences: w.Service}
	w.chat = chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{Neighbours: around})
	door.Service = w.chat.Service
	return w
}

// node is another node of the town.
func (w *town) node() *people.Service { return people.New(w.config) }

// door is the chat, which is made after the people beside it.
type door struct{ *chat.Service }

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// told remembers what was pushed.
type told struct {
	mu     sync.Mutex
	pushed []push
}

type push struct {
	user identity.UserID
	body wire.Body
}

func (h *told) Push(_ context.Context, u identity.UserID, b wire.Body) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushed = append(h.pushed, push{u, b})
}

func (h *told) take() []push {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.pushed
	h.pushed = nil
	return was
}

// counting counts what is read, and lets something happen in between, once.
type counting struct {
	people.Store
	mu        sync.Mutex
	loads     int
	afterLoad func() // of the next load, before its caller has the answer
	beforePut func() // of the next put
}

func (c *counting) once(f *func()) {
	c.mu.Lock()
	now := *f
	*f = nil
	c.mu.Unlock()
	if now != nil {
		now()
	}
}

func (c *counting) Put(ctx context.Context, owner people.Hash, version uint64, sealed []byte) error {
	c.once(&c.beforePut)
	return c.Store.Put(ctx, owner, version, sealed)
}

func (c *counting) Load(ctx context.Context, owners []people.Hash) (map[people.Hash]people.Row, error) {
	c.mu.Lock()
	c.loads++
	c.mu.Unlock()
	rows, err := c.Store.Load(ctx, owners)
	c.once(&c.afterLoad)
	return rows, err
}

// asked counts how often a key is opened, and fails to destroy one if told so.
type asked struct {
	keys.Vault
	mu    sync.Mutex
	opens int
	stuck error
}

func (a *asked) Open(ctx context.Context, n keys.Name) (keys.Key, error) {
	a.mu.Lock()
	a.opens++
	a.mu.Unlock()
	return a.Vault.Open(ctx, n)
}

func (a *asked) Destroy(ctx context.Context, n keys.Name) error {
	if a.stuck != nil {
		return a.stuck
	}
	return a.Vault.Destroy(ctx, n)
}

// effort is how often store and vault were asked since the last call.
func (w *town) effort() (loads, opens int) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.vault.mu.Lock()
	defer w.vault.mu.Unlock()
	loads, opens = w.store.loads, w.vault.opens
	w.store.loads, w.vault.opens = 0, 0
	return loads, opens
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func member(p identity.Principal) chat.NewMember {
	return chat.NewMember{User: p.User, Role: p.Role, CompanyID: p.Company, FamilyName: "王", GivenName: "某某"}
}

// try opens a conversation of the people, started by the first of them.
func (w *town) try(key string, all ...identity.Principal) (chat.Conversation, error) {
	n := chat.NewConversation{Key: key, Starter: all[0].User}
	for _, p := range all {
		n.Members = append(n.Members, member(p))
	}
	return w.chat.Open(w.t.Context(), chattest.Platform, n)
}

// open opens a conversation under a fresh key.
func (w *town) open(all ...identity.Principal) chat.ConversationID {
	w.t.Helper()
	c, err := w.try(uuid.NewString(), all...)
	w.must(err)
	return c.ID
}

func (w *town) say(p identity.Principal, id chat.ConversationID) error {
	_, err := w.chat.Send(w.t.Context(), p, chattest.Text(w.t, id, "hello"))
	return err
}

func (w *town) set(p identity.Principal, f wire.SettingsSet) {
	w.t.Helper()
	_, err := w.Set(w.t.Context(), p, f)
	w.must(err)
}

func (w *town) hide(p identity.Principal, h wire.Hide) {
	w.t.Helper()
	w.set(p, wire.SettingsSet{Hide: &h})
}

func (w *town) block(p identity.Principal, id chat.ConversationID, who identity.Principal, company bool) {
	w.t.Helper()
	w.must(w.Block(w.t.Context(), p, wire.Block{Conversation: string(id), User: string(who.User), Company: company}))
}

func (w *town) shut(p identity.Principal) {
	w.t.Helper()
	w.must(w.Close(w.t.Context(), chattest.Platform, p.User))
}

// same expects that err is exactly the refusal, as it stands in package policy: nothing in it tells one reason from another.
func same(t testing.TB, what string, err error, want *policy.Refusal) {
	t.Helper()
	var r *policy.Refusal
	if !errors.As(err, &r) || *r != *want || err.Error() != want.Error() {
		t.Errorf("%s: %v, want exactly %v", what, err, want)
	}
}

func isRefusal(err error, want *policy.Refusal) bool { return errors.Is(err, want) }

func ptr[T any](v T) *T { return &v }

// has says whether somebody was pushed something of the kind.
func has[B wire.Body](pushed []push, u identity.UserID) bool {
	return slices.ContainsFunc(pushed, func(p push) bool { _, ok := p.body.(B); return ok && p.user == u })
}
