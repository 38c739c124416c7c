package appointment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"parley/chat"
	"parley/chat/appointment"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/testenv/engines"
	"parley/signal/gateway"
	"parley/signal/wire"
	"parley/storage/db"
)

var _ gateway.Appointments = (*appointment.Service)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	ann, rob, hana = chattest.Ann, chattest.Rob, chattest.Hana
	rita           = identity.Principal{User: "u-rita", Role: identity.Recruiter}
)

// forEachStore runs f over the store in memory and over each database.
func forEachStore(t *testing.T, f func(t *testing.T, s chat.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, &chattest.Memory{}) })
	t.Run("sqlite", func(t *testing.T) {
		d, err := db.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "parley.db"))
		f(t, chatOf(t, d, err))
	})
	t.Run("postgres", func(t *testing.T) {
		d, err := db.OpenPostgres(t.Context(), engines.PostgreSQL(t), db.PostgresConfig{})
		f(t, chatOf(t, d, err))
	})
}

func chatOf(t *testing.T, d *db.DB, err error) chat.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.Chat()
}

// world is a running chat with appointments.
type world struct {
	*chattest.Node
	t     testing.TB
	a     *appointment.Service
	gate  *gate
	clock *clock
	tap   *tap
	id    chat.ConversationID
}

func start(t testing.TB, people ...identity.Principal) *world {
	return startOver(t, &chattest.Memory{}, people...)
}

// startOver opens a conversation of Ann with these people, or else with Rob.
func startOver(t testing.TB, store chat.Store, people ...identity.Principal) *world {
	t.Helper()
	w := &world{t: t, gate: &gate{}, clock: &clock{now: time.Now().UTC().Truncate(time.Second)}, tap: &tap{Store: store}}
	w.Node = chattest.Start(t, w.tap, &chattest.Hub{}, chat.Config{Now: w.clock.Now})
	w.Use(chat.Neighbours{Gates: []chat.Gate{w.gate}})
	w.restart()
	if len(people) == 0 {
		people = []identity.Principal{rob}
	}
	members := []chat.NewMember{{User: ann.User, Role: ann.Role, FamilyName: "欧阳", GivenName: "晓雯"}}
	for _, p := range people {
		members = append(members, chat.NewMember{User: p.User, Role: p.Role, FamilyName: "司马", GivenName: "长青"})
	}
	c, err := w.Open(t.Context(), chattest.Platform, chat.NewConversation{Key: uuid.NewString(), Members: members})
	if err != nil {
		t.Fatal(err)
	}
	w.id = c.ID
	return w
}

// restart puts a fresh service over the same chat, as after a crash.
func (w *world) restart() {
	w.a = appointment.New(&meeting{Node: w.Node}, appointment.Config{Now: w.clock.Now})
}

// meet makes the next two reads of how an appointment stands wait for each other, so that two steps begin from the same one.
func (w *world) meet() {
	m := &meeting{Node: w.Node}
	m.both.Add(2)
	m.left.Store(2)
	w.a = appointment.New(m, appointment.Config{Now: w.clock.Now})
}

// meeting is a chat at which two can be made to read the same.
type meeting struct {
	*chattest.Node
	both sync.WaitGroup
	left atomic.Int32
}

func (m *meeting) Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error) {
	t, err := m.Node.Thing(ctx, id, thing)
	if m.left.Add(-1) >= 0 {
		m.both.Done()
		m.both.Wait()
	}
	return t, err
}

// in is the moment that far ahead.
func (w *world) in(d time.Duration) time.Time { return w.clock.Now().Add(d) }

func (w *world) invite(p identity.Principal, f wire.AppointmentInvite) (wire.AppointmentState, error) {
	f.Conversation = string(w.id)
	if f.CID == "" {
		f.CID = string(chattest.CID(w.t))
	}
	if f.Minutes == 0 {
		f.Minutes = 45
	}
	return w.a.Invite(w.t.Context(), p, f)
}

func (w *world) act(p identity.Principal, id, act string, f wire.AppointmentAct) (wire.AppointmentState, error) {
	f.Conversation, f.Appointment, f.Act = string(w.id), id, act
	return w.a.Act(w.t.Context(), p, f)
}

// do is an act without further words.
func (w *world) do(p identity.Principal, id, act string) (wire.AppointmentState, error) {
	return w.act(p, id, act, wire.AppointmentAct{})
}

// move proposes another time.
func (w *world) move(p identity.Principal, id string, at time.Time) (wire.AppointmentState, error) {
	return w.act(p, id, "reschedule", wire.AppointmentAct{At: at})
}

// invited is an appointment in two days that Rob, or whoever is there in his place, has proposed.
func (w *world) invited(p identity.Principal) string {
	w.t.Helper()
	return w.is("invited candidate")(w.invite(p, wire.AppointmentInvite{At: w.in(48 * time.Hour)})).Appointment
}

// is fails the test unless the call gave that state and turn.
func (w *world) is(want string) func(wire.AppointmentState, error) wire.AppointmentState {
	w.t.Helper()
	return func(s wire.AppointmentState, err error) wire.AppointmentState {
		w.t.Helper()
		got := s.State
		if s.Turn != "" {
			got += " " + s.Turn
		}
		if err != nil || got != want {
			w.t.Fatalf("the appointment is %q, %v; want %q", got, err, want)
		}
		return s
	}
}

// refused fails the test unless the call was refused so.
func (w *world) refused(want error) func(wire.AppointmentState, error) {
	w.t.Helper()
	return func(s wire.AppointmentState, err error) {
		w.t.Helper()
		if !errors.Is(err, want) {
			w.t.Errorf("%+v, %v; want %v", s, err, want)
		}
	}
}

// entries are the steps of an appointment in the log.
func (w *world) entries(id string) []wire.AppointmentContent {
	w.t.Helper()
	var out []wire.AppointmentContent
	for _, e := range w.Log(ann, w.id) {
		var c wire.AppointmentContent
		if e.Type == chat.TypeAppointment && json.Unmarshal(e.Content, &c) == nil && c.Appointment == id {
			out = append(out, c)
		}
	}
	return out
}

// told fails the test unless the log tells these steps, "step by".
func (w *world) told(id string, want ...string) {
	w.t.Helper()
	var got []string
	for _, c := range w.entries(id) {
		got = append(got, c.Step+" "+c.By)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the log tells %q, want %q", got, want)
	}
}

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
