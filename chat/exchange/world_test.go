package exchange_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/testlog"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Rita is a second recruiter.
var Rita = identity.Principal{User: "u-rita", Role: identity.Recruiter}

var seats = map[identity.UserID]chat.NewMember{
	chattest.Ann.User:  {User: chattest.Ann.User, Role: identity.Candidate, FamilyName: "欧阳", GivenName: "晓雯"},
	chattest.Rob.User:  {User: chattest.Rob.User, Role: identity.Recruiter, FamilyName: "司马", GivenName: "长青", Company: "某某科技"},
	Rita.User:          {User: Rita.User, Role: identity.Recruiter, FamilyName: "王", GivenName: "丽", Company: "某某科技"},
	chattest.Hana.User: {User: chattest.Hana.User, Role: identity.Headhunter, FamilyName: "林", GivenName: "花", Company: "猎头公司"},
}

// world is a running chat with exchanges, and everything around them.
type world struct {
	*chattest.Node
	t       testing.TB
	x       *exchange.Service
	numbers *numbers
	files   *files
	gate    *gate
	clock   *clock
	tap     *tap
	logs    *testlog.Buffer
	id      chat.ConversationID

	meeting atomic.Int32
	both    sync.WaitGroup
}

type option func(*exchange.Config)

func noNumbers(c *exchange.Config) { c.Numbers = nil }

// start opens a conversation of the people over a store in memory.
func start(t testing.TB, people []identity.Principal, options ...option) *world {
	return startOver(t, &chattest.Memory{}, people, options...)
}

func startOver(t testing.TB, store chat.Store, people []identity.Principal, options ...option) *world {
	t.Helper()
	w := &world{t: t, numbers: &numbers{}, files: &files{}, gate: &gate{}, clock: &clock{now: time.Now()}, logs: &testlog.Buffer{}}
	w.tap = &tap{Store: store}
	log := slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.Node = chattest.Start(t, w.tap, &chattest.Hub{}, chat.Config{Now: w.clock.Now, Log: log})
	w.Use(chat.Neighbours{Gates: []chat.Gate{w.gate}, Attachments: w.files})
	w.x = w.restart(options...)
	var members []chat.NewMember
	for _, p := range people {
		members = append(members, seats[p.User])
	}
	c, err := w.Open(t.Context(), chattest.Platform, chat.NewConversation{Key: uuid.NewString(), Title: "后端工程师", Members: members})
	if err != nil {
		t.Fatal(err)
	}
	w.id = c.ID
	return w
}

// restart is a fresh service over the same chat, as after a crash.
func (w *world) restart(options ...option) *exchange.Service {
	c := exchange.Config{
		Numbers: w.numbers, Attachments: w.files, Now: w.clock.Now, Log: slog.New(slog.NewJSONHandler(w.logs, nil)),
	}
	for _, o := range options {
		o(&c)
	}
	return exchange.New(&meeting{Node: w.Node, left: &w.meeting, both: &w.both}, c)
}

// meet makes the next two reads of how an exchange stands wait for each other, so that two steps begin from the same one.
func (w *world) meet() {
	w.both.Add(2)
	w.meeting.Store(2)
}

// meeting is a chat at which two can be made to read the same.
type meeting struct {
	*chattest.Node
	both *sync.WaitGroup
	left *atomic.Int32
}

func (m *meeting) wait() {
	if m.left.Add(-1) >= 0 {
		m.both.Done()
		m.both.Wait()
	}
}

func (m *meeting) Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error) {
	t, err := m.Node.Thing(ctx, id, thing)
	m.wait()
	return t, err
}

func (m *meeting) Things(ctx context.Context, id chat.ConversationID, kind string) ([]chat.Thing, error) {
	all, err := m.Node.Things(ctx, id, kind)
	m.wait()
	return all, err
}

var (
	two   = []identity.Principal{chattest.Rob, chattest.Ann}
	three = []identity.Principal{chattest.Rob, Rita, chattest.Ann}
	hunt  = []identity.Principal{chattest.Hana, chattest.Ann}
	mixed = []identity.Principal{chattest.Rob, chattest.Hana, chattest.Ann}
)

// As is somebody who acts in the world's conversation.
func (w *world) As(p identity.Principal) actor { return actor{w, p} }

type actor struct {
	w *world
	p identity.Principal
}

func (a actor) request(f wire.ExchangeRequest) (wire.ExchangeState, error) {
	f.Conversation = string(a.w.id)
	if f.CID == "" {
		f.CID = string(chattest.CID(a.w.t))
	}
	return a.w.x.Request(a.w.t.Context(), a.p, f)
}

func (a actor) answer(id string, f wire.ExchangeAnswer) (wire.ExchangeState, error) {
	f.Conversation, f.Exchange = string(a.w.id), id
	return a.w.x.Answer(a.w.t.Context(), a.p, f)
}

func (a actor) accept(id string, f wire.ExchangeAnswer) (wire.ExchangeState, error) {
	f.Accept = true
	return a.answer(id, f)
}

func (a actor) decline(id string) (wire.ExchangeState, error) {
	return a.answer(id, wire.ExchangeAnswer{})
}

func (a actor) withdraw(id string) (wire.ExchangeState, error) {
	return a.w.x.Withdraw(a.w.t.Context(), a.p, wire.ExchangeWithdraw{Conversation: string(a.w.id), Exchange: id})
}

func (a actor) read(id string) (wire.ExchangeValue, error) {
	return a.w.x.Read(a.w.t.Context(), a.p, wire.ExchangeRead{Conversation: string(a.w.id), Exchange: id})
}

// is fails the test unless the call gave that state.
func (w *world) is(state string) func(wire.ExchangeState, error) wire.ExchangeState {
	w.t.Helper()
	return func(s wire.ExchangeState, err error) wire.ExchangeState {
		w.t.Helper()
		if err != nil || s.State != state {
			w.t.Fatalf("the exchange is %q, %v; want %q", s.State, err, state)
		}
		return s
	}
}

// refused fails the test unless the call was refused so.
func (w *world) refused(want error) func(wire.ExchangeState, error) {
	w.t.Helper()
	return func(s wire.ExchangeState, err error) {
		w.t.Helper()
		if !errors.Is(err, want) {
			w.t.Errorf("%+v, %v; want %v", s, err, want)
		}
	}
}

// hidden fails the test if any of the people reads what was exchanged.
func (w *world) hidden(id string, people ...identity.Principal) {
	w.t.Helper()
	for _, p := range people {
		if v, err := w.As(p).read(id); !errors.Is(err, policy.ErrNotFound) || v != (wire.ExchangeValue{}) {
			w.t.Errorf("%s reads %v, %v; want not_found", p.User, v != wire.ExchangeValue{}, err)
		}
	}
}

// reads fails the test unless the person reads that value.
func (w *world) reads(p identity.Principal, id, want string) {
	w.t.Helper()
	if v, err := w.As(p).read(id); err != nil || v.Value != want {
		w.t.Errorf("%s reads %q, %v; want %q", p.User, v.Value, err, want)
	}
}

// steps are the steps that the log tells of one exchange, "step by".
func (w *world) steps(id string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.Log(chattest.Ann, w.id) {
		var c wire.ExchangeContent
		if e.Type == chat.TypeExchange && json.Unmarshal(e.Content, &c) == nil && c.Exchange == id {
			out = append(out, c.Step+" "+c.By)
		}
	}
	return out
}

func (w *world) told(id string, want ...string) {
	w.t.Helper()
	if got := w.steps(id); !slices.Equal(got, want) {
		w.t.Errorf("the log tells %q, want %q", got, want)
	}
}

// resumes are the resume entries as the person sees them.
func (w *world) resumes(p identity.Principal) []wire.Entry {
	w.t.Helper()
	return slices.DeleteFunc(w.Log(p, w.id), func(e wire.Entry) bool { return e.Type != chat.TypeResume })
}

// numbers is a giver of virtual numbers.
type numbers struct {
	mu    sync.Mutex
	held  map[string]string
	fail  error
	given int
	empty bool   // it has no error, and no number either
	on    func() // after an assignment
}

func pair(id chat.ConversationID, a, b identity.UserID) string { return fmt.Sprint(id, a, b) }

func (n *numbers) Assign(_ context.Context, id chat.ConversationID, asker, other identity.UserID) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return "", n.fail
	}
	if n.empty {
		return "", nil
	}
	k := pair(id, asker, other)
	if n.held[k] == "" {
		if n.held == nil {
			n.held = map[string]string{}
		}
		n.given++
		n.held[k] = fmt.Sprintf("1700000%04d", n.given)
	}
	if n.on != nil {
		n.mu.Unlock()
		n.on()
		n.mu.Lock()
	}
	return n.held[k], nil
}

func (n *numbers) Release(_ context.Context, id chat.ConversationID, asker, other identity.UserID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.held, pair(id, asker, other))
	return n.fail
}

func (n *numbers) bound() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.held)
}

// files knows one attachment, Ann's resume.
type files struct{ fail error }

const file = "0195794e-0000-7000-8000-00000000f11e"

func (f *files) Describe(_ context.Context, user identity.UserID, _ chat.ConversationID, attachment, _ string) (chat.AttachmentFacts, error) {
	switch {
	case f.fail != nil:
		return chat.AttachmentFacts{}, f.fail
	case attachment != file || user != chattest.Ann.User:
		return chat.AttachmentFacts{}, policy.ErrNotFound
	}
	return chat.AttachmentFacts{Name: "欧阳晓雯.pdf", Media: "application/pdf", Size: 4711}, nil
}

// gate lets everything through unless it is told otherwise, and remembers what it was asked.
type gate struct {
	mu    sync.Mutex
	asked []chat.Attempt
	do    func(chat.Attempt) (json.RawMessage, error)
}

func (g *gate) Admit(_ context.Context, a chat.Attempt) (json.RawMessage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, a)
	if g.do == nil {
		return nil, nil
	}
	return g.do(a)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// tap sees every byte that the store is given.
type tap struct {
	chat.Store
	mu  sync.Mutex
	saw []byte
}

func (s *tap) Append(ctx context.Context, b chat.Batch) (chat.Outcome, error) {
	s.mu.Lock()
	for _, r := range b.Rows {
		s.saw = fmt.Appendf(s.saw, "%+v %s\n", r, r.Sealed)
		if r.Turn != nil {
			s.saw = fmt.Appendf(s.saw, "%+v %s\n", *r.Turn, r.Turn.Sealed)
		}
	}
	s.mu.Unlock()
	return s.Store.Append(ctx, b)
}

func (s *tap) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.saw)
}

// The values of the tests.
const (
	annsWeChat = "xiaowen-oy88"
	robsWeChat = "changqing_sima"
)

const week = 7 * 24 * time.Hour

func card() *wire.ResumeCard {
	return &wire.ResumeCard{Title: "后端工程师", City: "上海", Years: 6, Skills: []string{"Go", "SQL"}, Summary: "六年经验"}
}
