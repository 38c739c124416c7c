package gateway_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/wire"
)

// aBystander chats through what a test does to the node; the returned func says whether anything harmed it.
func (n *node) aBystander() (stillWell func()) {
	n.t.Helper()
	id := n.open()
	s, in := n.join(rob, client.Options{})
	return func() {
		n.t.Helper()
		ack, err := s.Send(n.t.Context(), id, "still here")
		if err != nil {
			n.t.Fatalf("the bystander was harmed: %v", err)
		}
		find(n.t, in, func(e wire.ChatEntry) bool { return e.Seq == ack.Seq })
	}
}

func TestAFloodIsSlowedThenClosedAndHarmsNobodyElse(t *testing.T) {
	n := start(t, limits(gateway.Limits{Frames: 100, Burst: 20, Refused: 10}))
	stillWell := n.aBystander()
	r, _ := n.signIn(ann, nil)
	go func() {
		line := []byte(`{"kind":"ping","ref":"1"}`)
		for r.Write(t.Context(), websocket.MessageText, line) == nil {
		}
	}()
	began := time.Now()
	before := r.expectClose(wire.CloseFlood)
	if slowed := time.Since(began); slowed < 90*time.Millisecond {
		t.Errorf("closed after %v: not slowed first", slowed)
	}
	var refused *wire.Error
	for _, b := range before {
		if e, ok := b.(wire.Error); ok {
			refused = &e
		}
	}
	if refused == nil || refused.ID != "rate_limited" || refused.RetryAfter == 0 || !refused.Retry {
		t.Errorf("got %+v before the close", refused)
	}
	stillWell()
}

func TestAHugeFrameClosesItsConnectionOnly(t *testing.T) {
	n := start(t)
	stillWell := n.aBystander()
	for _, signedIn := range []bool{true, false} {
		r := n.raw()
		if signedIn {
			r, _ = n.signIn(ann, nil)
		}
		r.Write(t.Context(), websocket.MessageText, make([]byte, wire.MaxMessage+2))
		r.expectClose(wire.CloseTooBig)
	}
	stillWell()
}

func TestGarbageIsAnsweredAndRepeatedGarbageIsClosed(t *testing.T) {
	n := start(t)
	stillWell := n.aBystander()
	r, _ := n.signIn(ann, nil)
	garbage := []string{"{", "null", "[]", `"x"`, `{"kind":1}`, "\x00", "", `{"kind":"chat.read","ref":"1","body":{"after":"x"}}`, "\xff\xfe"}
	for _, g := range garbage {
		ref := ""
		if strings.Contains(g, "ref") {
			ref = "1"
		}
		r.line(g)
		r.expectError(ref, "bad_frame")
	}
	if err := r.Write(t.Context(), websocket.MessageBinary, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	r.expectError("", "bad_frame")
	r.expectClose(wire.ClosePolicy)
	stillWell()
}

func TestTheFieldOfAWrongTypeIsNamed(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	r.line(`{"kind":"chat.read","ref":"1","body":{"after":"x"}}`)
	if e := r.expectError("1", "bad_frame"); !strings.Contains(e.Text["en"], "after in chat.read") {
		t.Errorf("got %q", e.Text["en"])
	}
}

func TestUnknownKindsAreRefusedAndNotHeldAgainstTheClient(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	for range 20 {
		r.line(`{"kind":"chat.shout","ref":"1","body":{}}`)
		if e := r.expectError("1", "unknown_kind"); !strings.Contains(e.Text["en"], "chat.shout") {
			t.Errorf("got %q", e.Text["en"])
		}
	}
	r.send("2", wire.Welcome{})
	r.expectError("2", "unknown_kind")
	r.send("3", wire.Ping{})
	expect[wire.Pong](r, "3")
}

func TestTooManyFramesInOneMessageAreRefused(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	r.line(strings.Repeat(`{"kind":"ping"}`+"\n", wire.MaxFrames+1))
	r.expectError("", "bad_frame")
	r.line(strings.Repeat(`{"kind":"pong"}`+"\n", wire.MaxFrames-1) + `{"kind":"ping","ref":"1"}`)
	expect[wire.Pong](r, "1")
}

func (n *node) get(path string, header http.Header) *http.Response {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), "GET", strings.Replace(n.url, "ws", "http", 1)+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header = header
	resp, err := n.http().Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func upgrade(extra ...string) http.Header {
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {wire.Subprotocol},
	}
	for i := 0; i < len(extra); i += 2 {
		h.Set(extra[i], extra[i+1])
	}
	return h
}

func TestTheHandshakeIsChecked(t *testing.T) {
	n := start(t, func(n *node) { n.cfg.Origins = []string{"https://app.example.com"} })
	none := upgrade()
	none.Del("Sec-WebSocket-Protocol")
	tests := []struct {
		name, path string
		header     http.Header
		status     int
	}{
		{"good", "", upgrade(), 101},
		{"several subprotocols", "", upgrade("Sec-WebSocket-Protocol", "other, parley.v1"), 101},
		{"no WebSocket", "", http.Header{}, 426},
		{"no subprotocol", "", none, 400},
		{"another subprotocol", "", upgrade("Sec-WebSocket-Protocol", "parley.v9"), 400},
		{"a token in the URL", "?token=" + token(t, ann, time.Hour), upgrade(), 400},
		{"own origin", "", upgrade("Origin", strings.TrimSuffix(strings.Replace(n.url, "ws", "http", 1), "/v1/ws")), 101},
		{"allowed origin", "", upgrade("Origin", "https://app.example.com"), 101},
		{"another scheme of it", "", upgrade("Origin", "http://app.example.com"), 403},
		{"foreign origin", "", upgrade("Origin", "https://evil.example"), 403},
		{"no origin's origin", "", upgrade("Origin", "null"), 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := n.get(tt.path, tt.header).StatusCode; got != tt.status {
				t.Errorf("got status %d, want %d", got, tt.status)
			}
		})
	}
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	n := start(t, limits(gateway.Limits{Connections: 0.01, Storm: 3}))
	for i, want := range []int{101, 101, 101, 429} {
		resp := n.get("", upgrade())
		if resp.StatusCode != want {
			t.Errorf("connection %d: got %d, want %d", i, resp.StatusCode, want)
		}
		if want == 429 && resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

func TestAFullNodeRefusesFurtherSessions(t *testing.T) {
	n := start(t, limits(gateway.Limits{Sessions: 1}))
	n.signIn(ann, nil)
	if resp := n.get("", upgrade()); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

// bare is a TCP connection that sends the handshake and hello in one go and has read the welcome.
func (n *node) bare(tok string) net.Conn {
	n.t.Helper()
	hello, err := wire.Encode(wire.Frame{Ref: "h", Body: wire.Hello{Token: tok}})
	if err != nil {
		n.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSuffix(n.url, "/v1/ws"), "ws://"))
	if err != nil {
		n.t.Fatal(err)
	}
	req := httptest.NewRequest("GET", strings.Replace(n.url, "ws", "http", 1), nil)
	req.Header = upgrade()
	var b strings.Builder
	if err := req.Write(&b); err != nil {
		n.t.Fatal(err)
	}
	frame := append([]byte{0x81, 0x80 | 126, byte(len(hello) >> 8), byte(len(hello)), 0, 0, 0, 0}, hello...)
	if _, err := conn.Write(append([]byte(b.String()), frame...)); err != nil {
		n.t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got strings.Builder
	for !strings.Contains(got.String(), `"welcome"`) {
		p := make([]byte, 512)
		k, err := conn.Read(p)
		got.Write(p[:k])
		if err != nil {
			n.t.Fatalf("after %q: %v", got.String(), err)
		}
	}
	return conn
}

func TestAFrameSentTogetherWithTheHandshakeIsNotLost(t *testing.T) {
	n := start(t)
	n.bare(token(t, ann, time.Hour)).Close()
}

// trap panics when somebody asks for receipts.
type trap struct{ *booth }

func (trap) Receipts(context.Context, identity.Principal, interview.ID) (wire.InterviewReceipt, error) {
	panic("晓明 13800138000")
}

func TestAPanicCostsItsSenderTheSessionAndNobodyElse(t *testing.T) {
	n := start(t, interviews(trap{newBooth()}))
	stillWell := n.aBystander()
	r, _ := n.signIn(ann, nil)
	r.send("1", wire.InterviewReceipts{Interview: room})
	r.expectClose(wire.CloseInternal)
	stillWell()
	if log := n.logs.String(); !strings.Contains(log, "a session panicked") || strings.Contains(log, "13800138000") {
		t.Errorf("log: %s", log)
	}
}
