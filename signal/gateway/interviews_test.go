package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/wire"
)

const room = "01957950-1b2c-7d4e-8f60-718293a4b5c6"

// booth is an interview of everybody that notes what it is asked.
type booth struct {
	mu    sync.Mutex
	calls []string
	seats map[string]interview.Seat // by user
	away  map[string]string         // user → device
	over  bool                      // the room's interview
}

var _ gateway.Interviews = (*booth)(nil)

func newBooth() *booth {
	return &booth{seats: map[string]interview.Seat{}, away: map[string]string{}}
}

func (b *booth) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf(format, args...))
}

func (b *booth) noted(call string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.calls, call)
}

func (b *booth) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

func (b *booth) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

func (b *booth) seat(user identity.UserID) interview.Seat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seats[string(user)]
}

func (b *booth) view(p identity.Principal, id interview.ID) (wire.Interview, error) {
	if strings.HasPrefix(string(id), "over") {
		return wire.Interview{ID: string(id), State: "ended", Participants: []wire.Participant{}}, nil
	}
	if id != room {
		return wire.Interview{}, policy.ErrNotFound
	}
	if b.isOver() {
		return wire.Interview{ID: room, State: "ended", Participants: []wire.Participant{}}, nil
	}
	return wire.Interview{ID: room, State: "live", Reason: "seen by " + string(p.Role), Participants: []wire.Participant{}}, nil
}

func (b *booth) Open(_ context.Context, p identity.Principal, s interview.Spec) (wire.Interview, error) {
	b.note("open %s", s.Conversation)
	return b.view(p, room)
}

func (b *booth) View(_ context.Context, p identity.Principal, id interview.ID) (wire.Interview, error) {
	return b.view(p, id)
}

func (b *booth) Active(_ context.Context, p identity.Principal) ([]wire.Interview, error) {
	if b.isOver() {
		return nil, nil
	}
	v, err := b.view(p, room)
	return []wire.Interview{v}, err
}

func (b *booth) End(_ context.Context, _ identity.Principal, id interview.ID) error {
	b.note("end %s", id)
	return nil
}

func (b *booth) Receipts(_ context.Context, _ identity.Principal, id interview.ID) (wire.InterviewReceipt, error) {
	b.note("receipts %s", id)
	return wire.InterviewReceipt{Interview: string(id), Heads: []wire.ReceiptHead{}}, nil
}

func (b *booth) Renew(p identity.Principal) { b.note("renew %s", p.Role) }

func (b *booth) Consent(_ context.Context, _ identity.Principal, c wire.InterviewConsent) error {
	b.note("consent %v %s", c.Agree, c.Version)
	return nil
}

func (b *booth) Withdraw(_ context.Context, _ identity.Principal, id interview.ID) error {
	b.note("withdraw %s", id)
	return nil
}

func (b *booth) Join(_ context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error) {
	v, err := b.view(p, id)
	if err == nil {
		s.Send(wire.RTCOffer{Interview: string(id), PC: wire.Sub, SDP: "early"}) // must queue up behind the answer
		b.mu.Lock()
		b.seats[string(p.User)] = s
		b.mu.Unlock()
	}
	return v, err
}

func (b *booth) Resume(_ context.Context, p identity.Principal, id interview.ID, s interview.Seat) (wire.Interview, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if device, away := b.away[string(p.User)]; !away || device != s.Device {
		return wire.Interview{}, policy.ErrNotFound
	}
	delete(b.away, string(p.User))
	b.seats[string(p.User)] = s
	return wire.Interview{ID: string(id), State: "live", Reason: "resumed", Participants: []wire.Participant{}}, nil
}

func (b *booth) Signal(_ context.Context, _ identity.Principal, id interview.ID, seat string, body wire.Body) error {
	b.note("signal %s %s %s", id, seat, body.Kind())
	return nil
}

func (b *booth) Mute(_ context.Context, _ identity.Principal, seat string, m wire.InterviewMute) error {
	b.note("mute %s %s %v", seat, m.Track, m.Muted)
	return nil
}

func (b *booth) Leave(_ context.Context, _ identity.Principal, id interview.ID, seat string) error {
	b.note("leave %s %s", id, seat)
	return nil
}

func (b *booth) Gone(p identity.Principal, id interview.ID, seat string) {
	b.note("gone %s %s", id, seat)
	b.mu.Lock()
	defer b.mu.Unlock()
	if held := b.seats[string(p.User)]; held.ID == seat {
		b.away[string(p.User)] = held.Device
	}
}

func TestTheFramesOfInterviewsReachTheService(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, w := n.signIn(ann, nil)
	if len(w.Interviews) != 1 || w.Interviews[0].ID != room {
		t.Errorf("welcome has %+v", w.Interviews)
	}
	mid := "0"
	tests := []struct {
		body   wire.Body
		answer wire.Kind
		noted  string
	}{
		{wire.InterviewOpen{Conversation: "c-1"}, "interview.state", "open c-1"},
		{wire.InterviewConsent{Interview: room, Version: "v@1", Agree: true}, "done", "consent true v@1"},
		{wire.InterviewJoin{Interview: room}, "interview.state", ""},
		{wire.RTCOffer{Interview: room, PC: wire.Pub, SDP: "x"}, "done", "signal " + room + " " + w.Session + " rtc.offer"},
		{wire.RTCAnswer{Interview: room, PC: wire.Sub, SDP: "x"}, "done", "signal " + room + " " + w.Session + " rtc.answer"},
		{wire.RTCCandidate{Interview: room, PC: wire.Sub, Mid: &mid}, "done", "signal " + room + " " + w.Session + " rtc.candidate"},
		{wire.RTCRestart{Interview: room}, "done", "signal " + room + " " + w.Session + " rtc.restart"},
		{wire.InterviewMute{Interview: room, Track: "camera", Muted: true}, "done", "mute " + w.Session + " camera true"},
		{wire.InterviewReceipts{Interview: room}, "interview.receipt", "receipts " + room},
		{wire.InterviewLeave{Interview: room}, "done", "leave " + room + " " + w.Session},
		{wire.InterviewEnd{Interview: room}, "done", "end " + room},
		{wire.InterviewWithdraw{Interview: room}, "done", "withdraw " + room},
		{wire.Renew{Token: token(t, ann, time.Hour)}, "done", "renew candidate"},
	}
	for i, tt := range tests {
		ref := fmt.Sprint(i)
		r.send(ref, tt.body)
		f, err := r.next()
		for err == nil && f.Ref == "" {
			f, err = r.next()
		}
		if err != nil || f.Ref != ref || f.Body.Kind() != tt.answer {
			t.Errorf("%s: got %+v, %v", tt.body.Kind(), f, err)
		}
		if tt.noted != "" && !b.noted(tt.noted) {
			t.Errorf("%s: %q was not called", tt.body.Kind(), tt.noted)
		}
	}
	r.send("x", wire.InterviewJoin{Interview: "another"})
	r.expectError("x", "not_found")
}

func TestWhatAJoinSendsEarlyComesAfterItsAnswer(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, _ := n.signIn(ann, nil)
	r.send("1", wire.InterviewJoin{Interview: room})
	if f, err := r.next(); err != nil || f.Ref != "1" {
		t.Fatalf("first came %+v, %v", f, err)
	}
	if o := expect[wire.RTCOffer](r, ""); o.SDP != "early" {
		t.Errorf("got %+v", o)
	}
	b.seat(ann.User).Lost("replaced")
	if d := expect[wire.InterviewDropped](r, ""); d.Interview != room || d.Reason != "replaced" {
		t.Errorf("got %+v", d)
	}
}

// withDevice signs Ann in on a device.
func (n *node) withDevice(device string) (*raw, wire.Welcome) {
	n.t.Helper()
	r := n.raw()
	r.send("h", wire.Hello{Token: token(n.t, ann, time.Hour), Device: device})
	return r, expect[wire.Welcome](r, "h")
}

func TestALostConnectionGivesUpItsSeatAndTheDeviceTakesItBack(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, w := n.withDevice("phone")
	r.send("1", wire.InterviewJoin{Interview: room})
	expect[wire.InterviewState](r, "1")
	r.CloseNow()
	eventually(t, "the seat is given up", func() bool { return b.noted("gone " + room + " " + w.Session) })
	again := wire.InterviewResume{Interview: room, Session: w.Session}
	laptop, _ := n.withDevice("laptop")
	laptop.send("1", again)
	laptop.expectError("1", "not_found")
	phone, w := n.withDevice("phone")
	phone.send("1", again)
	if s := expect[wire.InterviewState](phone, "1"); s.Reason != "resumed" {
		t.Errorf("got %+v", s)
	}
	if got := b.seat(ann.User).ID; got != w.Session {
		t.Errorf("the seat is of session %s, want %s", got, w.Session)
	}
	phone.send("2", wire.InterviewResume{Interview: room, Session: w.Session})
	phone.expectError("2", "bad_request")
}

func TestAConnectionThatIsShutOutLosesItsSeatAtOnce(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, w := n.withDevice("phone")
	r.send("1", wire.InterviewJoin{Interview: room})
	expect[wire.InterviewState](r, "1")
	n.Drop(ann.User)
	r.expectClose(wire.CloseRevoked)
	eventually(t, "the seat is left", func() bool { return b.noted("leave " + room + " " + w.Session) })
	if b.noted("gone " + room + " " + w.Session) {
		t.Error("the seat is held for somebody who was shut out")
	}
}

// A refused request for a seat that the connection has must not make the gateway forget it: media would go on after
// the connection was shut out (T7).
func TestASeatIsNotForgottenByARefusal(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, w := n.withDevice("phone")
	r.send("1", wire.InterviewJoin{Interview: room})
	expect[wire.InterviewState](r, "1")
	r.send("2", wire.InterviewResume{Interview: room, Session: "no session of mine"})
	r.expectError("2", "not_found")
	n.Drop(ann.User)
	r.expectClose(wire.CloseRevoked)
	eventually(t, "the seat is left", func() bool { return b.noted("leave " + room + " " + w.Session) })
}

func TestInterviewsThatAreOverDoNotFillAConnection(t *testing.T) {
	n := start(t, interviews(newBooth()))
	r, _ := n.signIn(ann, nil)
	hub := gateway.NewHub(n.bus, nil)
	for i := range 20 {
		id := interview.ID(fmt.Sprint("over-", i))
		r.send("1", wire.InterviewJoin{Interview: string(id)})
		expect[wire.InterviewState](r, "1")
		expect[wire.RTCOffer](r, "")
		hub.Interview([]identity.UserID{ann.User}, id)
		expect[wire.InterviewState](r, "")
	}
}

func TestASeatIsTakenBackFromAConnectionThatOnlySeemsAlive(t *testing.T) {
	b := newBooth()
	n := start(t, interviews(b))
	r, w := n.withDevice("phone")
	r.send("1", wire.InterviewJoin{Interview: room})
	expect[wire.InterviewState](r, "1")
	phone, _ := n.withDevice("phone")
	phone.send("1", wire.InterviewResume{Interview: room, Session: w.Session})
	if s := expect[wire.InterviewState](phone, "1"); s.Reason != "resumed" {
		t.Errorf("got %+v", s)
	}
	r.expectClose(wire.CloseDuplicate)
	stranger, _ := n.signIn(rob, nil)
	stranger.send("1", wire.InterviewResume{Interview: room, Session: w.Session})
	stranger.expectError("1", "not_found")
	phone.send("2", wire.Ping{})
	expect[wire.Pong](phone, "2")
}

func TestAChangedInterviewIsShownToEachAsTheySeeIt(t *testing.T) {
	n := start(t, interviews(newBooth()))
	a, _ := n.signIn(ann, nil)
	r, _ := n.signIn(rob, nil)
	hub := gateway.NewHub(n.bus, nil)
	both := []identity.UserID{ann.User, rob.User, "u-elsewhere"}
	hub.Interview(both, "another")
	hub.Interview(both, room)
	if s := expect[wire.InterviewState](a, ""); s.Reason != "seen by candidate" {
		t.Errorf("got %+v", s)
	}
	if s := expect[wire.InterviewState](r, ""); s.Reason != "seen by recruiter" {
		t.Errorf("got %+v", s)
	}
	hub.Receipt(both, wire.InterviewReceipt{Interview: room, Heads: []wire.ReceiptHead{{Recording: "rec", Entries: 7}}})
	if got := expect[wire.InterviewReceipt](r, ""); got.Heads[0].Entries != 7 {
		t.Errorf("got %+v", got)
	}
}

func TestANodeWithoutInterviewsRefusesThem(t *testing.T) {
	n := start(t)
	r, w := n.signIn(rob, nil)
	if len(w.Interviews) != 0 {
		t.Errorf("got %v", w.Interviews)
	}
	for i, b := range []wire.Body{
		wire.InterviewOpen{}, wire.InterviewConsent{}, wire.InterviewWithdraw{}, wire.InterviewJoin{}, wire.InterviewResume{}, wire.InterviewLeave{},
		wire.InterviewEnd{}, wire.InterviewMute{}, wire.InterviewReceipts{}, wire.RTCOffer{}, wire.RTCAnswer{}, wire.RTCCandidate{}, wire.RTCRestart{},
	} {
		r.send(fmt.Sprint(i), b)
		r.expectError(fmt.Sprint(i), "unavailable")
	}
}

func TestHintsThatNobodyUnderstandsAreCountedAndHarmless(t *testing.T) {
	n := start(t)
	r, _ := n.signIn(ann, nil)
	for _, payload := range []string{"", "?", "c", "cx", "cegarbage", "r{", `r{"kind":"hello"}`} {
		if err := n.bus.Send(t.Context(), []string{string(ann.User)}, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the hints are counted", func() bool { return n.metric("parley_gateway_hints_lost_total") == 6 })
	r.send("1", wire.Ping{})
	expect[wire.Pong](r, "1")
}

var _ gateway.Interviews = (*interview.Service)(nil)
