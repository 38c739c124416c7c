package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/testenv/engines"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
	"parley/storage/bus"
	"parley/storage/bus/redis"
)

// onRedis makes a node one of several, on a bus through Redis.
func onRedis(server *engines.Process, name bus.Node) option {
	return func(n *node) {
		b, err := redis.New(redis.Config{
			URL: "redis://" + server.Addr, Node: name, Key: secret, Probe: 200 * time.Millisecond, Metrics: n.metrics, Log: n.cfg.Log,
		})
		if err != nil {
			n.t.Fatal(err)
		}
		n.cfg.Node, n.bus.Bus = name, b
		n.run(b.Run)
	}
}

// beside gives a node the database and the vault of another.
func beside(other *node) option {
	return func(n *node) {
		n.db, n.store, n.vault, n.cfg.Revocations = other.db, other.store, other.vault, other.cfg.Revocations
	}
}

// told collects what Config.Revoked is told.
type told struct {
	mu  sync.Mutex
	all []identity.Revocation
}

func (o *told) option(n *node) { n.cfg.Revoked = o.add }

func (o *told) add(r identity.Revocation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, r)
}

func (o *told) has(ok func(identity.Revocation) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.all, ok)
}

// pings so rare that no test is helped by one.
var quietPings = gateway.Limits{Ping: time.Hour}

// two starts two nodes on one database and one Redis. No ping repairs anything while a test runs.
func two(t *testing.T, opts ...option) (server *engines.Process, n1, n2 *node) {
	t.Helper()
	server = engines.Redis(t)
	n1 = start(t, append([]option{onSQLite, onRedis(server, "n1"), limits(quietPings)}, opts...)...)
	n2 = start(t, append([]option{beside(n1), onRedis(server, "n2"), limits(quietPings)}, opts...)...)
	n1.connected()
	n2.connected()
	return server, n1, n2
}

func (n *node) connected() {
	n.t.Helper()
	eventually(n.t, "the node is on the bus", func() bool { return n.metric("parley_bus_up") == 1 })
}

func (n *node) alone() {
	n.t.Helper()
	eventually(n.t, "the node is off the bus", func() bool { return n.metric("parley_bus_up") == 0 })
}

// withToken signs Ann or Rob in by a token of that id.
func (n *node) withToken(p identity.Principal, id string, issued time.Time) *raw {
	n.t.Helper()
	c := identity.Claims{User: p.User, Role: p.Role, Age: identity.Adult, TokenID: id, Issued: issued, Expires: issued.Add(time.Hour)}
	if p.Role == identity.Recruiter {
		c.Company, c.Attested = "c-1", issued.Add(24*time.Hour)
	}
	s, err := identity.Mint(kid, secret, c)
	if err != nil {
		n.t.Fatal(err)
	}
	r := n.raw()
	r.send("h", wire.Hello{Token: s})
	expect[wire.Welcome](r, "h")
	return r
}

func TestTwoNodesShareAConversation(t *testing.T) {
	_, n1, n2 := two(t)
	id := n1.open()
	a, fromA := n1.join(ann, client.Options{})
	r, fromR := n2.join(rob, client.Options{})
	ack, err := a.Send(t.Context(), id, "你好")
	if err != nil {
		t.Fatal(err)
	}
	find(t, fromR, func(e wire.ChatEntry) bool { return e.Seq == ack.Seq && string(e.Content) == `{"text":"你好"}` })
	if _, err := r.Do(t.Context(), wire.ChatMark{Conversation: id, Delivered: ack.Seq, Read: ack.Seq}); err != nil {
		t.Fatal(err)
	}
	find(t, fromA, func(c wire.ChatCursor) bool { return c.User == string(rob.User) && c.Read == ack.Seq })
	if _, err := a.Do(t.Context(), wire.ChatDisclose{Conversation: id}); err != nil {
		t.Fatal(err)
	}
	find(t, fromR, func(c wire.ChatConversation) bool { return c.Members[1].Name == "欧阳晓雯" })
}

func TestATokenTakenBackOnOneNodeEndsItsSessionsOnAnother(t *testing.T) { // T7
	var told1, told2 told
	server := engines.Redis(t)
	n1 := start(t, onSQLite, onRedis(server, "n1"), limits(quietPings), told1.option)
	n2 := start(t, beside(n1), onRedis(server, "n2"), limits(quietPings), told2.option)
	n1.connected()
	n2.connected()
	stolen, other := n2.withToken(rob, "stolen", time.Now()), n2.withToken(rob, "other", time.Now())
	begin := time.Now()
	n1.DropToken("stolen")
	stolen.expectClose(wire.CloseRevoked)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	other.send("1", wire.Ping{})
	expect[wire.Pong](other, "1")
	for node, o := range map[string]*told{"where it was taken back": &told1, "on the other node": &told2} {
		eventually(t, node+" the rest is told", func() bool {
			return o.has(func(r identity.Revocation) bool { return r.TokenID == "stolen" && r.User == "" })
		})
	}
}

func TestAUserShutOutOnOneNodeIsShutOutOnAnother(t *testing.T) { // T7
	var there told
	server := engines.Redis(t)
	n1 := start(t, onSQLite, onRedis(server, "n1"), limits(quietPings))
	n2 := start(t, beside(n1), onRedis(server, "n2"), limits(quietPings), there.option)
	n1.connected()
	n2.connected()
	before := n2.withToken(rob, "before", time.Now().Add(-time.Minute))
	bystander := n2.withToken(ann, "a", time.Now().Add(-time.Minute))
	begin := time.Now()
	n1.Drop(rob.User)
	before.expectClose(wire.CloseRevoked)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	bystander.send("1", wire.Ping{})
	expect[wire.Pong](bystander, "1")
	eventually(t, "the rest is told", func() bool {
		return there.has(func(r identity.Revocation) bool { return r.User == rob.User && r.TokenID == "" })
	})
}

// A hint of a revocation that comes late, or again, must not end what the user has opened with a token of a later second.
func TestALateRevocationSparesWhoCameBack(t *testing.T) {
	n := start(t)
	old, fresh := n.withToken(ann, "old", time.Now().Add(-time.Minute)), n.withToken(ann, "fresh", time.Now())
	gateway.NewHub(n.bus, nil).Revoked(identity.Revocation{User: ann.User, Before: time.Now().Add(-30 * time.Second)})
	old.expectClose(wire.CloseRevoked)
	fresh.send("1", wire.Ping{})
	expect[wire.Pong](fresh, "1")
}

func TestAHintOfARevocationThatNamesNobodyIsCountedAsLost(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	for i, hint := range []string{"d", "d{}", `d{"user":"` + string(ann.User) + `","token":"t"}`, "d nonsense"} {
		if err := n.bus.Tell(t.Context(), []byte(hint)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is counted", func() bool { return n.metric("parley_gateway_hints_lost_total") == float64(i+1) })
	}
	r.send("1", wire.Ping{})
	expect[wire.Pong](r, "1")
}

func TestNothingIsLostWhileRedisIsKilled(t *testing.T) {
	server, n1, n2 := two(t)
	id := n1.open()
	a, fromA := n1.join(ann, client.Options{})
	r, fromR := n2.join(rob, client.Options{})
	history := []uint64{1} // the entry that opens the conversation
	say := func(from *client.Session, text string) {
		t.Helper()
		begin := time.Now()
		ack, err := from.Send(t.Context(), id, text)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the ack of %q took %v", text, took)
		}
		history = append(history, ack.Seq)
	}
	say(a, "before")
	find(t, fromR, func(e wire.ChatEntry) bool { return e.Seq == history[len(history)-1] })
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		say(a, fmt.Sprint("to the other node ", i))
		say(r, fmt.Sprint("and back ", i))
	}
	n1.alone()
	n2.alone()
	meanwhile := n1.open()
	say(a, "the last before it comes back")
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n1.connected()
	n2.connected()
	for _, in := range []*inbox{fromA, fromR} {
		find(t, in, func(e wire.ChatEntry) bool { return e.Seq == history[len(history)-1] })
		find(t, in, func(c wire.ChatConversation) bool { return c.ID == meanwhile })
	}
	say(r, "after")
	for who, in := range map[string]*inbox{"ann": fromA, "rob": fromR} {
		find(t, in, func(e wire.ChatEntry) bool { return e.Seq == history[len(history)-1] })
		if got := seqs(in, id); !slices.Equal(got, history[len(history)-len(got):]) || len(got) < 42 {
			t.Errorf("%s was pushed %v, want %v", who, got, history)
		}
	}
}

func TestARevocationReachesWhoItMissedWhileRedisWasAway(t *testing.T) { // T7
	server, n1, n2 := two(t)
	stolen := n2.withToken(rob, "stolen", time.Now())
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	n1.alone()
	n2.alone()
	revocation := identity.Revocation{TokenID: "stolen", Before: time.Now()}
	if err := n1.db.Revocations().Revoke(t.Context(), revocation); err != nil { // and the node dies before it tells
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stolen.expectClose(wire.CloseRevoked)
}

func TestWhatHintsFailedToBringIsFoundWhenTheBusSaysSo(t *testing.T) {
	b := newBooth()
	n := start(t, onSQLite, limits(quietPings), interviews(b))
	id := n.open()
	a, in := n.join(ann, client.Options{})
	_, other := n.join(rob, client.Options{})
	n.bus.loseAll(true)
	n.say(rob, id, "lost 1", "lost 2")
	fresh := n.open()
	if _, err := a.Do(t.Context(), wire.ChatDisclose{Conversation: id}); err != nil {
		t.Fatal(err)
	}
	n.bus.resync()
	for _, i := range []*inbox{in, other} {
		find(t, i, func(e wire.ChatEntry) bool { return e.Conversation == id && e.Seq == 3 })
		find(t, i, func(c wire.ChatConversation) bool { return c.ID == fresh })
		find(t, i, func(s wire.InterviewState) bool { return s.ID == room && s.State == "live" })
	}
	find(t, other, func(c wire.ChatConversation) bool { return c.ID == id && c.Members[1].Name == "欧阳晓雯" })
	if got := seqs(in, id); !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("pushed %v", got)
	}
}

func TestTheEndOfAnInterviewIsFoundWhenItsHintWasLost(t *testing.T) {
	b := newBooth()
	n := start(t, limits(quietPings), interviews(b))
	_, in := n.join(ann, client.Options{}) // the welcome shows it live
	b.finish()
	n.bus.resync()
	find(t, in, func(s wire.InterviewState) bool { return s.ID == room && s.State == "ended" })
	n.bus.resync()
	n.open()
	find(t, in, func(wire.ChatConversation) bool { return true })
	if states := slices.DeleteFunc(in.list(), func(b wire.Body) bool { _, ok := b.(wire.InterviewState); return !ok }); len(states) != 1 {
		t.Errorf("the end was shown %d times", len(states))
	}
}

func TestManySessionsLookAroundInSlices(t *testing.T) {
	n := start(t, limits(gateway.Limits{Ping: time.Hour, PerUser: 1000, Storm: 1000, UserBurst: 1 << 20}), interviews(newBooth()))
	const sessions = 250
	for range sessions {
		n.signIn(ann, nil)
	}
	begin := time.Now()
	n.bus.resync()
	states := func() float64 { return n.metric("parley_gateway_frames_total", "interview.state", "out") }
	eventually(t, "all have looked", func() bool { return states() == sessions })
	if took := time.Since(begin); took < 75*time.Millisecond {
		t.Errorf("%d sessions asked within %v", sessions, took)
	}
	for range 3 { // rounds that are asked for while one goes on become one
		n.bus.resync()
	}
	eventually(t, "all have looked again", func() bool { return states() >= 2*sessions })
}
