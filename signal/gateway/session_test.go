package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
)

func TestWelcomeSaysWhoAndUntilWhen(t *testing.T) {
	n := start(t)
	n.open()
	_, w := n.signIn(ann, nil)
	if w.User != string(ann.User) || w.Role != "candidate" || w.PingSeconds != 20 || w.Session == "" || len(w.Conversations) != 1 {
		t.Errorf("got %+v", w)
	}
	if left := time.Until(w.Until); left < 55*time.Minute || left > time.Hour {
		t.Errorf("until is in %v", left)
	}
	b, err := json.Marshal(w)
	if err != nil || strings.Contains(string(b), "null") {
		t.Errorf("lists are null: %s", b)
	}
}

func TestNothingIsAnsweredBeforeHello(t *testing.T) {
	n := start(t)
	for _, line := range []string{`{"kind":"ping","ref":"1"}`, `{"kind":"chat.shout"}`, "garbage", `{"kind":"hello","body":{"token":1}}`} {
		r := n.raw()
		r.line(line)
		if before := r.expectClose(wire.CloseSignIn); len(before) > 0 {
			t.Errorf("%s was answered: %v", line, before)
		}
	}
}

func TestAConnectionWithoutHelloIsClosed(t *testing.T) {
	n := start(t, limits(gateway.Limits{Hello: 50 * time.Millisecond}))
	n.raw().expectClose(wire.CloseSignIn)
	if n.metric("parley_gateway_closed_total", "no_hello") != 1 {
		t.Error("not counted")
	}
}

func TestARefusedHelloSaysWhy(t *testing.T) {
	n := start(t)
	mint := func(c identity.Claims) string {
		c.Issued = time.Now().Add(-2 * time.Hour)
		s, err := identity.Mint(kid, secret, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	soon, ago := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	tests := []struct {
		name, token, id string
		code            wire.Close
	}{
		{"no token", "", "unauthenticated", wire.CloseSignIn},
		{"garbage", "a.b.c", "unauthenticated", wire.CloseSignIn},
		{"expired", mint(identity.Claims{User: "u-1", Role: "candidate", Age: identity.Adult, Expires: ago}), "token_expired", wire.CloseExpired},
		{"an unverified recruiter (T7)", mint(identity.Claims{User: "u-1", Role: "recruiter", Age: identity.Adult, Company: "c", Expires: soon}), "unverified", wire.CloseSignIn},
		{"under-aged (T8)", mint(identity.Claims{User: "u-1", Role: "candidate", Age: "0-15", Expires: soon}), "underage", wire.CloseSignIn},
		{"the platform's backend", mint(identity.Claims{User: "svc", Role: "service", Expires: soon}), "forbidden", wire.CloseSignIn},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := n.raw()
			r.send("h", wire.Hello{Token: tt.token})
			r.expectError("h", tt.id)
			r.expectClose(tt.code)
		})
	}
}

func TestAHelloWithOverlongFieldsIsRefused(t *testing.T) {
	n := start(t)
	r := n.raw()
	r.send("h", wire.Hello{Token: token(t, ann, time.Hour), Device: strings.Repeat("d", 65)})
	r.expectError("h", "bad_request")
	r.expectClose(wire.CloseSignIn)
}

func TestHelloCanBeSaidOnce(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	r.send("h2", wire.Hello{Token: token(t, rob, time.Hour)})
	r.expectError("h2", "bad_request")
}

func TestASessionEndsWithItsToken(t *testing.T) {
	n := start(t)
	r := n.raw()
	r.send("h", wire.Hello{Token: token(t, ann, time.Second)})
	before := r.expectClose(wire.CloseExpired)
	if last := before[len(before)-1]; last != (wire.Body)(wire.Bye{Reason: "expired"}) {
		t.Errorf("last came %+v", last)
	}
}

func TestARenewedSessionGoesOn(t *testing.T) {
	n := start(t)
	r := n.raw()
	short := token(t, ann, time.Second)
	r.send("h", wire.Hello{Token: short})
	expect[wire.Welcome](r, "h")
	r.send("1", wire.Renew{Token: token(t, rob, time.Hour)})
	r.expectError("1", "forbidden")
	other := ann
	other.Role = identity.Viewer
	r.send("2", wire.Renew{Token: token(t, other, time.Hour)})
	r.expectError("2", "forbidden")
	r.send("3", wire.Renew{Token: "garbage"})
	r.expectError("3", "unauthenticated")
	r.send("4", wire.Renew{Token: token(t, ann, time.Hour)})
	expect[wire.Done](r, "4")
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, _, err := r.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want silence", err)
	}
}

func TestARevokedSessionIsDropped(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	other, _ := n.signIn(rob, nil)
	n.Drop(ann.User)
	before := r.expectClose(wire.CloseRevoked)
	if len(before) != 1 || before[0] != (wire.Body)(wire.Bye{Reason: "revoked"}) {
		t.Errorf("got %+v", before)
	}
	other.send("1", wire.Ping{})
	expect[wire.Pong](other, "1")
}

func TestARevokedTokenEndsTheSessionsThatLiveByIt(t *testing.T) {
	n := start(t)
	named := func(id string) string {
		now := time.Now()
		s, err := identity.Mint(kid, secret, identity.Claims{User: ann.User, Role: ann.Role, Age: identity.Adult, TokenID: id, Issued: now, Expires: now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	stolen, renewed, other := n.raw(), n.raw(), n.raw()
	for r, id := range map[*raw]string{stolen: "stolen", renewed: "stolen", other: "other"} {
		r.send("h", wire.Hello{Token: named(id)})
		expect[wire.Welcome](r, "h")
	}
	renewed.send("1", wire.Renew{Token: named("newer")})
	expect[wire.Done](renewed, "1")
	n.DropToken("stolen")
	stolen.expectClose(wire.CloseRevoked)
	for _, r := range []*raw{renewed, other} {
		r.send("2", wire.Ping{})
		expect[wire.Pong](r, "2")
	}
}

// A token that is taken back while its session begins is missed by whoever looks for sessions to end.
func TestATokenTakenBackDuringHelloOpensNothing(t *testing.T) { // T7
	n := start(t, limits(quietPings), func(n *node) { n.cfg.Revocations = &afterFirst{} })
	r := n.raw()
	r.send("h", wire.Hello{Token: token(t, ann, time.Hour)})
	r.expectError("h", "revoked")
	r.expectClose(wire.CloseRevoked)
	eventually(t, "the session is gone", func() bool { return n.Sessions() == 0 })
}

// afterFirst has everything revoked right after it was asked for the first time.
type afterFirst struct{ asked atomic.Bool }

func (a *afterFirst) Revoked(context.Context, identity.UserID, string, time.Time) (bool, error) {
	return a.asked.Swap(true), nil
}

func TestARevocationIsFoundWhenItsHintIsLost(t *testing.T) {
	n := start(t, onSQLite, limits(gateway.Limits{Ping: 50 * time.Millisecond}))
	r, _ := n.signIn(ann, nil)
	err := n.db.Revocations().Revoke(t.Context(), identity.Revocation{User: ann.User, Before: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	r.expectClose(wire.CloseRevoked)
	again := n.raw()
	again.send("h", wire.Hello{Token: token(t, ann, time.Hour)})
	again.expectError("h", "revoked")
	again.expectClose(wire.CloseRevoked)
}

func TestTwoMissedPongsEndTheSession(t *testing.T) {
	n := start(t, limits(gateway.Limits{Ping: 40 * time.Millisecond}))
	silent, _ := n.signIn(ann, nil)
	pings := 0
	for _, b := range silent.expectClose(wire.CloseSilent) {
		if _, ok := b.(wire.Ping); ok {
			pings++
		}
	}
	if pings != 2 {
		t.Errorf("%d pings before the close", pings)
	}
	alive, _ := n.signIn(ann, nil)
	for range 5 {
		p := expect[wire.Ping](alive, "")
		alive.send("", wire.Pong{Time: p.Time})
	}
}

func TestTheOldestOfTooManySessionsGivesWay(t *testing.T) {
	n := start(t, limits(gateway.Limits{PerUser: 2}))
	first, _ := n.signIn(ann, nil)
	second, _ := n.signIn(ann, nil)
	n.signIn(ann, nil)
	before := first.expectClose(wire.CloseDuplicate)
	if before[0] != (wire.Body)(wire.Bye{Reason: "replaced"}) {
		t.Errorf("got %+v", before)
	}
	second.send("1", wire.Ping{})
	expect[wire.Pong](second, "1")
}

func TestDrainSaysWhenToComeBack(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	waiting := n.raw() // has not said hello
	done := make(chan error, 1)
	go func() { done <- n.Drain(t.Context()) }()
	before := r.expectClose(wire.CloseAway)
	bye, ok := before[len(before)-1].(wire.Bye)
	if !ok || bye.Reason != "drain" || bye.RetryAfter < 1000 {
		t.Errorf("got %+v", before)
	}
	if _, err := waiting.next(); err == nil {
		t.Error("a connection without hello outlived the drain")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if resp := n.get("", upgrade()); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("afterwards: status %d", resp.StatusCode)
	}
}

func TestDrainCutsOffWhoDoesNotGo(t *testing.T) {
	n := start(t, overPipes)
	n.signIn(ann, nil)
	n.say(rob, n.open(), "nobody reads this")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := n.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if n.Sessions() != 0 {
		t.Errorf("%d sessions left", n.Sessions())
	}
}

func TestTextsAreShownByVersion(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	r.send("1", wire.TextGet{Version: "interview-recording@1"})
	if text := expect[wire.Text](r, "1"); text.Title["zh"] == "" || text.Body["en"] == "" || text.RetentionMonths == 0 {
		t.Errorf("got %+v", text)
	}
	r.send("2", wire.TextGet{Version: "interview-recording@999"})
	r.expectError("2", "not_found")
}

func TestAViewerGetsASessionWithNothingInIt(t *testing.T) {
	n := start(t)
	id := n.open()
	viewer := ann
	viewer.Role = identity.Viewer
	r, w := n.signIn(viewer, map[string]uint64{id: 0})
	if len(w.Conversations)+len(w.Interviews) != 0 {
		t.Errorf("got %+v", w)
	}
	r.send("1", wire.ChatRead{Conversation: id})
	r.expectError("1", "forbidden")
}

func TestTheClientComesBackWithANewToken(t *testing.T) {
	n := start(t)
	in := newInbox()
	fresh := 0
	s, err := client.Dial(t.Context(), n.url, token(t, ann, time.Second), client.Options{
		HTTP: n.http(), Push: in.push, Delay: 10 * time.Millisecond,
		Token: func(context.Context) (string, error) { fresh++; return token(t, ann, time.Hour), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	find(t, in, func(b wire.Bye) bool { return b.Reason == "expired" })
	eventually(t, "a session with the new token", func() bool { return time.Until(s.Welcome().Until) > time.Minute })
	if fresh != 1 {
		t.Errorf("asked for %d tokens", fresh)
	}
}

func TestTheClientStaysAwayWhenToldTo(t *testing.T) {
	n := start(t, limits(gateway.Limits{PerUser: 1}))
	s, _ := n.join(ann, client.Options{})
	n.signIn(ann, nil)
	select {
	case <-s.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the session goes on")
	}
	if _, err := s.Do(t.Context(), wire.Ping{}); !errors.Is(err, client.ErrClosed) || s.Err() == nil {
		t.Errorf("got %v, %v", err, s.Err())
	}
}

func TestNothingOfAPersonIsLoggedOrCounted(t *testing.T) {
	n := start(t, onSQLite, limits(gateway.Limits{Ping: time.Second})) // this client answers no ping before it is done
	id := n.open()
	tok := token(t, ann, time.Hour)
	r := n.raw()
	r.send("h", wire.Hello{Token: tok, Resume: map[string]uint64{id: 0}})
	expect[wire.Welcome](r, "h")
	r.line(`{"kind":"秘密","ref":"秘密"}`)
	n.say(rob, id, "一句秘密")
	r.send("1", wire.ChatSend{Conversation: id, Type: "text", Content: json.RawMessage(`{"text":"秘密"}`)})
	r.expectError("1", "bad_request")
	n.get("?token="+tok, upgrade())
	n.db.Close() // now everything fails, loudly
	r.send("2", wire.ChatRead{Conversation: id})
	r.expectError("2", "internal")
	expect[wire.Ping](r, "")
	r.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the session is gone", func() bool { return n.Sessions() == 0 })
	all := n.logs.String() + n.exposition()
	for _, secret := range []string{string(ann.User), string(rob.User), tok, "秘密", "欧阳", "司马", "127.0.0.1"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in logs or metrics", secret)
		}
	}
	if !strings.Contains(n.logs.String(), "could not be served") || !strings.Contains(all, "parley_gateway_frames_total") {
		t.Errorf("the control is missing in %s", all)
	}
}

func (n *node) exposition() string {
	n.t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		b.WriteString(f.String())
	}
	return b.String()
}
