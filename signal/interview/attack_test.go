package interview_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"parley/internal/admin"
	"parley/internal/testenv"
	"parley/signal/client"
	"parley/signal/wire"
)

// These tests tell attacks, and accidents, against a whole server with Pion peers over the loopback network.

// person is an actor with a session and what it was pushed.
type person struct {
	*testenv.Actor
	t       *testing.T
	session *client.Session

	mu     sync.Mutex
	pushed []wire.Body
}

func sitDown(t *testing.T, env *testenv.Env, seat, device string) *person {
	t.Helper()
	p := &person{Actor: env.As(seat), t: t}
	p.session = p.Dial(t.Context(), client.Options{Device: device, Push: func(b wire.Body) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pushed = append(p.pushed, b)
	}})
	return p
}

// got says whether a push that fits has come.
func got[T wire.Body](p *person, fits func(T) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.pushed {
		if b, ok := b.(T); ok && fits(b) {
			return true
		}
	}
	return false
}

// seen is the interview as it was last pushed.
func (p *person) seen(id string) wire.Interview {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last wire.Interview
	for _, b := range p.pushed {
		if b, ok := b.(wire.InterviewState); ok && b.ID == id {
			last = b.Interview
		}
	}
	return last
}

func (p *person) try(b wire.Body) (wire.Body, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	return p.session.Do(ctx, b)
}

func (p *person) do(b wire.Body) wire.Body {
	p.t.Helper()
	answer, err := p.try(b)
	if err != nil {
		p.t.Fatalf("%s as %s: %v", b.Kind(), p.Role, err)
	}
	return answer
}

// denied checks that a request is refused in that way.
func (p *person) denied(id string, b wire.Body) {
	p.t.Helper()
	if answer, err := p.try(b); !errors.Is(err, client.Refusal(id)) {
		p.t.Errorf("%s as %s: %+v, %v; want %s", b.Kind(), p.Role, answer, err, id)
	}
}

func (p *person) join(id string, o client.CallOptions) (*client.Call, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	c, err := p.session.Join(ctx, id, o)
	if c != nil {
		p.t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// enter agrees and joins with picture and sound.
func (p *person) enter(i wire.Interview) *client.Call {
	p.t.Helper()
	p.do(wire.InterviewConsent{Interview: i.ID, Version: i.Notice, Agree: true})
	c, err := p.join(i.ID, client.CallOptions{Audio: true, Video: true})
	if err != nil {
		p.t.Fatalf("join as %s: %v", p.Role, err)
	}
	return c
}

// eventually polls until ok or the time is over, and says how long it took.
func eventually(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	from, tick := time.Now(), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if <-tick.C; time.Since(from) > 20*time.Second {
			t.Fatalf("%s did not happen in time", what)
		}
	}
	return time.Since(from)
}

// hears waits until the call receives the other's tracks.
func hears(t *testing.T, c *client.Call, from *person, labels ...string) {
	t.Helper()
	for _, l := range labels {
		k := client.Key{User: string(from.ID), Label: l}
		before := c.Received()[k].Packets
		eventually(t, l+" of the "+string(from.Role), func() bool { return c.Received()[k].Packets > before+10 })
	}
}

// scene opens an interview between both.
func scene(t *testing.T) (env *testenv.Env, recruiter, candidate *person, i wire.Interview) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a whole server and seconds of media")
	}
	env = testenv.New(t)
	conversation := env.Open("k-1", "后端工程师", "recruiter", "candidate")
	recruiter, candidate = sitDown(t, env, "recruiter", "desk"), sitDown(t, env, "candidate", "phone")
	opened, ok := recruiter.do(wire.InterviewOpen{Conversation: conversation}).(wire.InterviewState)
	if !ok {
		t.Fatal("no state")
	}
	return env, recruiter, candidate, opened.Interview
}

func TestAttackGettingInWithoutInvitationOrConsent(t *testing.T) {
	env, recruiter, candidate, i := scene(t)
	thief := sitDown(t, env, "headhunter", "den")
	for _, b := range []wire.Body{
		wire.InterviewJoin{Interview: i.ID},
		wire.InterviewConsent{Interview: i.ID, Version: i.Notice, Agree: true},
		wire.InterviewConsent{Interview: i.ID, Version: i.Notice},
		wire.InterviewWithdraw{Interview: i.ID},
		wire.InterviewEnd{Interview: i.ID},
		wire.InterviewLeave{Interview: i.ID},
		wire.InterviewMute{Interview: i.ID, Track: "camera", Muted: true},
		wire.RTCOffer{Interview: i.ID, PC: wire.Pub, SDP: "v=0"},
		wire.RTCAnswer{Interview: i.ID, PC: wire.Sub, SDP: "v=0"},
		wire.InterviewOpen{Conversation: i.Conversation},
	} {
		thief.denied("not_found", b)
	}
	candidate.denied("forbidden", wire.InterviewOpen{Conversation: i.Conversation})
	candidate.denied("consent_needed", wire.InterviewJoin{Interview: i.ID})
	candidate.denied("text_version", wire.InterviewConsent{Interview: i.ID, Version: "interview-recording@0", Agree: true})
	candidate.denied("text_version", wire.InterviewConsent{Interview: i.ID, Version: "privacy-policy@1", Agree: true})
	candidate.denied("conflict", wire.RTCOffer{Interview: i.ID, PC: wire.Pub, SDP: "v=0"})
	candidate.denied("consent_needed", wire.InterviewJoin{Interview: i.ID})
	recruiter.do(wire.InterviewEnd{Interview: i.ID})
	candidate.denied("gone", wire.InterviewConsent{Interview: i.ID, Version: i.Notice, Agree: true})
	candidate.denied("gone", wire.InterviewJoin{Interview: i.ID})
}

func TestAttackSendingAPictureAfterAgreeingToSoundOnly(t *testing.T) {
	_, recruiter, candidate, i := scene(t)
	watching := recruiter.enter(i)
	candidate.do(wire.InterviewConsent{Interview: i.ID, Version: i.Notice, Agree: true, AudioOnly: true})
	if _, err := candidate.join(i.ID, client.CallOptions{Audio: true, Video: true}); !errors.Is(err, client.Refusal("forbidden")) {
		t.Errorf("a camera after sound only: %v", err)
	}
	if _, err := candidate.join(i.ID, client.CallOptions{Audio: true, Screen: true}); !errors.Is(err, client.Refusal("forbidden")) {
		t.Errorf("a screen after sound only: %v", err)
	}
	if _, err := candidate.join(i.ID, client.CallOptions{Audio: true}); err != nil {
		t.Fatal(err)
	}
	hears(t, watching, candidate, "microphone")
	candidate.do(wire.InterviewEnd{Interview: i.ID})
	for k := range watching.Received() {
		if k.User == string(candidate.ID) && k.Label != "microphone" {
			t.Errorf("the recruiter got a %s", k.Label)
		}
	}
	eventually(t, "the receipt", func() bool { return got(candidate, func(r wire.InterviewReceipt) bool { return r.Interview == i.ID }) })
	for _, s := range recorded(candidate, i.ID).Parts[0].Sides {
		for _, track := range s.Tracks {
			if s.User == string(candidate.ID) && track.Kind != "audio" {
				t.Errorf("a %s of the candidate was recorded", track.Kind)
			}
		}
	}
}

func recorded(p *person, id string) (shown admin.InterviewRecording) {
	p.t.Helper()
	p.JSON(http.MethodGet, "/v1/interviews/"+id+"/recording", nil, &shown)
	if len(shown.Parts) == 0 {
		p.t.Fatal("nothing was recorded")
	}
	return shown
}

func TestWithdrawalStopsRealMediaWithinThreeSeconds(t *testing.T) {
	_, recruiter, candidate, i := scene(t)
	a, b := recruiter.enter(i), candidate.enter(i)
	hears(t, a, candidate, "camera", "microphone")
	hears(t, b, recruiter, "camera", "microphone")
	if name := side(t, recruiter.seen(i.ID), candidate.ID).Name; name != "李**" { // T2
		t.Errorf("the recruiter sees %q", name)
	}
	if name := side(t, candidate.seen(i.ID), candidate.ID).Name; name != candidate.FullName() {
		t.Errorf("the candidate sees herself as %q", name)
	}
	before := time.Now()
	candidate.do(wire.InterviewWithdraw{Interview: i.ID})
	took := eventually(t, "the end", func() bool { return recruiter.seen(i.ID).State == "ended" })
	total := time.Since(before)
	t.Logf("%v from the withdrawal to the other's screen", total)
	if total > 3*time.Second {
		t.Errorf("it took %v, %v of it after the answer", total, took)
	}
	if v := recruiter.seen(i.ID); v.Reason != "withdrawn" || v.Recording {
		t.Errorf("reason %q, recording %v", v.Reason, v.Recording)
	}
	counts := a.Received()
	eventually(t, "the receipt", func() bool { return got(candidate, func(r wire.InterviewReceipt) bool { return r.Interview == i.ID }) })
	for k, r := range a.Received() {
		if r.Packets > counts[k].Packets+5 { // what was on its way
			t.Errorf("%d more packets of the %s after the end", r.Packets-counts[k].Packets, k.Label)
		}
	}
	candidate.denied("gone", wire.InterviewJoin{Interview: i.ID})
	if part := recorded(candidate, i.ID).Parts[0]; part.State != "sealed" {
		t.Errorf("the recording is %q", part.State)
	}
}

func TestAttackGoingOnAfterAccessWasRevoked(t *testing.T) {
	env, recruiter, candidate, i := scene(t)
	recruiter.enter(i)
	watching := candidate.enter(i)
	hears(t, watching, recruiter, "camera", "microphone")
	env.As("service").JSON(http.MethodPost, "/v1/revocations", map[string]string{"user": string(recruiter.ID)}, nil)
	eventually(t, "the end", func() bool { return candidate.seen(i.ID).State == "ended" })
	if v := candidate.seen(i.ID); v.Reason != "revoked" {
		t.Errorf("reason %q", v.Reason)
	}
	eventually(t, "the end of the session", func() bool { return recruiter.session.Err() != nil })
}

func TestTwoTabsDoNotFightForTheSeat(t *testing.T) {
	env, recruiter, candidate, i := scene(t)
	watching := recruiter.enter(i)
	candidate.enter(i)
	second := sitDown(t, env, "candidate", "tablet")
	call, err := second.join(i.ID, client.CallOptions{Audio: true, Video: true})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the word to the first tab", func() bool {
		return got(candidate, func(d wire.InterviewDropped) bool { return d.Reason == "replaced" && d.Interview == i.ID })
	})
	candidate.denied("conflict", wire.RTCRestart{Interview: i.ID})
	candidate.do(wire.InterviewLeave{Interview: i.ID}) // closes the former tab, not the seat
	hears(t, watching, candidate, "camera", "microphone")
	hears(t, call, recruiter, "camera", "microphone")
	if v := recruiter.seen(i.ID); v.State != "live" {
		t.Errorf("state %q", v.State)
	}
}

func TestALostSocketKeepsTheMedia(t *testing.T) {
	_, recruiter, candidate, i := scene(t)
	watching, call := recruiter.enter(i), candidate.enter(i)
	hears(t, watching, candidate, "camera", "microphone")
	away := func() (away bool) {
		for _, p := range recruiter.seen(i.ID).Participants {
			away = away || p.User == string(candidate.ID) && p.Away
		}
		return away
	}
	candidate.session.Break()
	eventually(t, "the recruiter to see it", away)
	hears(t, watching, candidate, "camera", "microphone")
	eventually(t, "the candidate's return", func() bool { return !away() })
	hears(t, watching, candidate, "camera", "microphone")
	hears(t, call, recruiter, "camera", "microphone")
	candidate.do(wire.InterviewMute{Interview: i.ID, Track: "microphone", Muted: true}) // the seat is this session's again
	candidate.do(wire.InterviewEnd{Interview: i.ID})
	eventually(t, "the receipt", func() bool { return got(recruiter, func(r wire.InterviewReceipt) bool { return len(r.Heads) == 1 }) })
}
