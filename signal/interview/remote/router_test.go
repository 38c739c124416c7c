package remote_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/signal/interview"
	"parley/signal/wire"
)

func TestAnInterviewIsHeldOverTwoNodes(t *testing.T) {
	a, b := pair(t, usual)
	id, zoe, ann := live(a, b)
	if again := b.open(); again != id {
		t.Errorf("opened on the other node: %s, want %s", again, id)
	}
	for _, c := range []*browser{zoe, ann} {
		eventually(t, 5*time.Second, "the offer came", func() bool { return len(c.frames()) == 1 })
		if o, ok := c.frames()[0].(wire.RTCOffer); !ok || o.SDP != "first" || o.Interview != string(id) {
			t.Errorf("got %+v", c.frames()[0])
		}
	}
	for n := range 20 {
		b.must(b.Signal(t.Context(), candidate, id, ann.ID, wire.RTCCandidate{Interview: string(id), PC: wire.Pub, Candidate: fmt.Sprint(n)}))
	}
	for n, f := range a.halls.peer("ann").heard() {
		if c, ok := f.(wire.RTCCandidate); !ok || c.Candidate != fmt.Sprint(n) {
			t.Fatalf("frame %d is %+v", n, f)
		}
	}
	if got := len(a.halls.peer("ann").heard()); got != 20 {
		t.Errorf("%d frames arrived", got)
	}
	a.halls.peer("ann").spec.Send(wire.RTCAnswer{PC: wire.Pub, SDP: "second"})
	eventually(t, 5*time.Second, "the answer came", func() bool { return len(ann.frames()) == 2 })
	b.must(b.Mute(t.Context(), candidate, ann.ID, wire.InterviewMute{Interview: string(id), Track: "camera", Muted: true}))
	if r, err := b.Receipts(t.Context(), candidate, id); err != nil || len(r.Heads) != 1 {
		t.Errorf("receipts %+v, %v", r, err)
	}
	for _, n := range []*node{a, b} {
		views, err := n.Active(t.Context(), candidate)
		if err != nil || len(views) != 1 || !views[0].Recording {
			t.Errorf("active on %s: %+v, %v", n.cluster.Node(), views, err)
		}
	}
	b.must(b.Leave(t.Context(), candidate, id, ann.ID))
	if !a.halls.peer("ann").out() || len(ann.losses()) != 0 {
		t.Errorf("after leaving: out %v, told %q", a.halls.peer("ann").out(), ann.losses())
	}
	ann = b.rejoin(candidate, id)
	b.must(b.End(t.Context(), candidate, id))
	if v, err := a.View(t.Context(), recruiter, id); err != nil || v.State != "ended" || v.Reason != "hangup" {
		t.Errorf("after the end: %+v, %v", v, err)
	}
	if got := append(zoe.losses(), ann.losses()...); len(got) != 0 {
		t.Errorf("an end in order told %q", got)
	}
}

func TestRefusalsPassBetweenNodes(t *testing.T) {
	a, b := pair(t, usual)
	id := a.open()
	a.enter(recruiter, id)
	if _, err := b.Join(t.Context(), candidate, id, newBrowser().Seat); !errors.Is(err, policy.ErrConsentNeeded) {
		t.Errorf("join without consent: %v", err)
	}
	if _, err := b.View(t.Context(), stranger, id); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("a stranger looks: %v", err)
	}
	for what, err := range map[string]error{
		"old text":   b.Consent(t.Context(), candidate, wire.InterviewConsent{Interview: string(id), Version: "old", Agree: true}),
		"nobody":     b.End(t.Context(), identity.Principal{}, id),
		"not seated": b.Mute(t.Context(), candidate, "no seat", wire.InterviewMute{Interview: string(id)}),
		"a stranger": b.End(t.Context(), stranger, id),
	} {
		want := map[string]*policy.Refusal{"old text": policy.ErrTextVersion, "nobody": policy.ErrUnauthenticated,
			"not seated": policy.ErrConflict, "a stranger": policy.ErrNotFound}[what]
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %s", what, err, want.ID)
		}
	}
	if _, err := b.View(t.Context(), candidate, "01900000-0000-7000-8000-00000000dead"); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("what does not exist: %v", err)
	}
}

func TestAWithdrawalThroughAnotherNodeStopsTheMediaWithinThreeSeconds(t *testing.T) {
	for name, harm := range map[string]func(a, b *node){
		"in order":                            func(_, _ *node) {},
		"the owner can't be called":           func(a, _ *node) { a.relay.Swallow(true) },
		"the owner takes no calls any more":   func(a, _ *node) { a.hang() },
		"the table of leases is away from us": func(_, b *node) { b.cable.Cut(true) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, usual)
			id, _, _ := live(a, b)
			harm(a, b)
			began := time.Now()
			b.must(b.Withdraw(t.Context(), candidate, id))
			took := eventually(t, 3*time.Second-time.Since(began), "the media is cut", func() bool {
				return a.halls.peer("zoe").out() && a.halls.peer("ann").out()
			})
			t.Logf("cut %v after the request began, %v after it was answered", time.Since(began), took)
			eventually(t, 3*time.Second, "the recording is stopped", func() bool { return slices.Equal(a.reels.ends(), []string{"withdrawn"}) })
		})
	}
}

func TestAWithdrawalThatOnlyTheLedgerKnowsStopsTheMedia(t *testing.T) {
	a, b := pair(t, usual)
	id, _, _ := live(a, b)
	b.must(b.ledger.Withdraw(t.Context(), privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording, Context: string(id)}))
	took := eventually(t, 3*time.Second, "the media is cut", a.halls.peer("zoe").out)
	t.Logf("after %v", took)
}

func TestADeadOwnersInterviewIsOnTheOtherNodeWithinTenSeconds(t *testing.T) {
	a, b := pair(t, usual)
	id, _, ann := live(a, b)
	before, err := a.svc.View(t.Context(), recruiter, id)
	a.must(err)
	died := time.Now()
	a.cable.Cut(true)
	a.hang()
	eventually(t, 5*time.Second, "the client is told", func() bool { return slices.Equal(ann.losses(), []string{interview.LostFailed}) })
	_, err = b.Join(t.Context(), candidate, id, newBrowser().Seat)
	r, _ := errors.AsType[*policy.Refusal](err)
	if r == nil || r.ID != policy.ErrUnavailable.ID || r.RetryAfter <= 0 || r.RetryAfter > 2*time.Second {
		t.Errorf("while nobody has it: %v", err)
	}
	var again *browser
	eventually(t, 10*time.Second, "the candidate is in again", func() bool {
		again = newBrowser()
		_, err := b.Join(t.Context(), candidate, id, again.Seat)
		return err == nil
	})
	took := time.Since(died)
	t.Logf("on the other node %v after the death", took)
	if took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	b.rejoin(recruiter, id)
	if v, err := b.View(t.Context(), recruiter, id); err != nil || v.State != "live" || !v.Recording || !v.Live.Equal(*before.Live) {
		t.Errorf("on the other node: %+v, %v", v, err)
	}
	if err := a.svc.End(t.Context(), recruiter, id); !errors.Is(err, policy.ErrUnavailable) { // it thinks that it owns it
		t.Errorf("the former owner writes: %v", err)
	}
	if v, err := b.View(t.Context(), recruiter, id); err != nil || v.State != "live" {
		t.Errorf("after that: %+v, %v", v, err)
	}
}

func TestANetworkThatSwallowsEverythingCostsTheSeatsOnly(t *testing.T) {
	a, b := pair(t, usual)
	id, zoe, ann := live(a, b)
	a.relay.Swallow(true)
	took := eventually(t, 10*time.Second, "the client is told", func() bool { return slices.Equal(ann.losses(), []string{interview.LostFailed}) })
	t.Logf("told after %v", took)
	eventually(t, 10*time.Second, "the owner holds the seat", func() bool {
		v, err := a.View(t.Context(), recruiter, id)
		return err == nil && slices.ContainsFunc(v.Participants, func(p wire.Participant) bool { return p.User == "ann" && p.Away })
	})
	if a.halls.peer("ann").out() || a.halls.peer("zoe").out() {
		t.Error("media was cut though only signalling is away")
	}
	began := time.Now()
	err := b.End(t.Context(), candidate, id)
	if !errors.Is(err, policy.ErrUnavailable) || time.Since(began) > 12*time.Second {
		t.Errorf("a request meanwhile: %v after %v", err, time.Since(began))
	}
	if views, err := b.Active(t.Context(), candidate); err != nil || len(views) != 1 || views[0].State != "live" {
		t.Errorf("active meanwhile: %+v, %v", views, err)
	}
	a.relay.Swallow(false)
	back := newBrowser()
	eventually(t, 10*time.Second, "the seat is taken back", func() bool {
		b.Gone(candidate, id, ann.ID)
		_, err := b.Resume(t.Context(), candidate, id, back.Seat)
		return err == nil
	})
	if a.halls.peer("ann").out() || len(zoe.losses()) != 0 {
		t.Error("the media did not survive")
	}
	b.must(b.Signal(t.Context(), candidate, id, back.ID, wire.RTCRestart{Interview: string(id)}))
}

func TestASeatIsResumedThroughAnotherNode(t *testing.T) {
	a, b := pair(t, usual)
	id, zoe, ann := live(a, b)
	back, front := newBrowser(), newBrowser()
	a.Gone(candidate, id, ann.ID) // the client has come to a, and b has not noticed
	if _, err := a.Resume(t.Context(), candidate, id, back.Seat); err != nil {
		t.Fatal(err)
	}
	b.Gone(recruiter, id, zoe.ID)
	if _, err := b.Resume(t.Context(), recruiter, id, front.Seat); err != nil {
		t.Fatal(err)
	}
	if a.halls.peer("ann").out() || a.halls.peer("zoe").out() {
		t.Error("the media did not survive")
	}
	b.must(b.Signal(t.Context(), recruiter, id, front.ID, wire.RTCRestart{Interview: string(id)}))
	if err := b.Signal(t.Context(), candidate, id, ann.ID, wire.RTCRestart{Interview: string(id)}); err == nil {
		t.Error("the former connection still speaks")
	}
}

func TestJoiningAgainByTheSameConnectionKeepsTheNewSeat(t *testing.T) {
	a, b := pair(t, usual)
	id, _, ann := live(a, b)
	for range 5 {
		if _, err := b.Join(t.Context(), candidate, id, ann.Seat); err != nil {
			t.Fatal(err)
		}
	}
	still := func() bool {
		v, err := b.View(t.Context(), candidate, id)
		b.must(err)
		return slices.ContainsFunc(v.Participants, func(p wire.Participant) bool { return p.User == "ann" && p.Present && !p.Away })
	}
	for range 20 {
		if !still() {
			t.Fatal("a former stream's end gave up the new one's seat")
		}
		b.must(b.Mute(t.Context(), candidate, ann.ID, wire.InterviewMute{Interview: string(id), Track: "camera"}))
	}
	if got := ann.losses(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

func TestADrainedNodesInterviewGoesOnElsewhere(t *testing.T) {
	a, b := pair(t, usual)
	id, zoe, ann := live(a, b)
	a.must(a.cluster.Drain(t.Context()))
	if err := a.End(t.Context(), stranger, id); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("what it has it serves on: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	a.svc.Drain(ctx)
	for _, c := range []*browser{zoe, ann} {
		eventually(t, 5*time.Second, "the client is told", func() bool { return slices.Equal(c.losses(), []string{interview.LostFailed}) })
	}
	zoe = a.rejoin(recruiter, id) // through the draining node, too
	b.rejoin(candidate, id)
	if !b.svc.Holds(id) || a.svc.Holds(id) {
		t.Error("it is not on the other node")
	}
	if v, err := a.View(t.Context(), recruiter, id); err != nil || v.State != "live" || !v.Recording {
		t.Errorf("view: %+v, %v", v, err)
	}
	a.must(a.Signal(t.Context(), recruiter, id, zoe.ID, wire.RTCRestart{Interview: string(id)}))
	if got := len(b.halls.peer("zoe").heard()); got != 1 {
		t.Errorf("%d frames at the new owner", got)
	}
}

func TestAGatewayThatDoesNotKeepUpHoldsUpNobody(t *testing.T) {
	a, b := pair(t, usual)
	id := a.open()
	a.enter(recruiter, id)
	b.must(b.Consent(t.Context(), candidate, wire.InterviewConsent{Interview: string(id), Version: notice, Agree: true}))
	stuck := make(chan struct{})
	c := newBrowser()
	send := c.Send
	c.Seat.Send = func(f wire.Body) { <-stuck; send(f) }
	if _, err := b.Join(t.Context(), candidate, id, c.Seat); err != nil {
		t.Fatal(err)
	}
	ann := a.halls.peer("ann")
	big := wire.RTCOffer{PC: wire.Sub, SDP: strings.Repeat("x", 32<<10)}
	began := time.Now()
	for range 200 {
		ann.spec.Send(big)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the owner was held up for %v", took)
	}
	eventually(t, 10*time.Second, "the owner holds the seat", func() bool {
		v, err := a.View(t.Context(), recruiter, id)
		return err == nil && slices.ContainsFunc(v.Participants, func(p wire.Participant) bool { return p.User == "ann" && p.Away })
	})
	close(stuck)
	eventually(t, 10*time.Second, "the client is told", func() bool { return slices.Equal(c.losses(), []string{interview.LostFailed}) })
	b.rejoin(candidate, id)
}

func TestATokenIsRenewedOnTheOwnersNode(t *testing.T) {
	a, b := pair(t, quick)
	id := a.open()
	a.enter(recruiter, id)
	soon := candidate
	soon.Expires = time.Now().Add(1500 * time.Millisecond)
	kept := b.enter(soon, id)
	later := candidate
	later.Expires = time.Now().Add(time.Hour)
	b.Renew(later)
	dropped := a.View
	eventually(t, 5*time.Second, "the first token ran out", func() bool { return time.Now().After(soon.Expires.Add(time.Second)) })
	if v, err := dropped(t.Context(), recruiter, id); err != nil || len(kept.losses()) != 0 {
		t.Errorf("the seat is lost: %+v, %v, %q", v, err, kept.losses())
	}
	b.rejoin(soon, id)
}

func TestRevocationReachesASeatThroughTheOwner(t *testing.T) {
	a, b := pair(t, usual)
	_, _, ann := live(a, b)
	a.Revoke("ann", time.Now()) // every node is told; the owner acts
	eventually(t, 5*time.Second, "the client is told", func() bool { return slices.Equal(ann.losses(), []string{interview.LostRevoked}) })
}

func TestAStoppingNodeGivesUpItsSeatsElsewhere(t *testing.T) {
	a, b := pair(t, usual)
	id, _, _ := live(a, b)
	b.stop()
	eventually(t, 5*time.Second, "the owner holds the seat", func() bool {
		v, err := a.View(t.Context(), recruiter, id)
		return err == nil && slices.ContainsFunc(v.Participants, func(p wire.Participant) bool { return p.User == "ann" && p.Away })
	})
	if _, err := b.Join(t.Context(), candidate, id, newBrowser().Seat); err == nil {
		t.Error("a stopped node takes seats")
	}
}

func TestAnOwnerThatStopsHandsItsInterviewToTheOther(t *testing.T) {
	a, b := pair(t, usual)
	id, _, ann := live(a, b)
	a.stop()
	eventually(t, 5*time.Second, "the client is told", func() bool { return slices.Equal(ann.losses(), []string{interview.LostFailed}) })
	eventually(t, 5*time.Second, "the candidate is in again", func() bool {
		_, err := b.Join(t.Context(), candidate, id, newBrowser().Seat)
		return err == nil
	})
}
