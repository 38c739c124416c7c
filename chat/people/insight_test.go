package people_test

import (
	"reflect"
	"testing"
	"time"

	"parley/chat/people/peopletest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// T11: a recruiter who talks with a candidate sees how active they are.
func TestARecruiterSeesACandidatesCounters(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	now := w.clock.now() // noon in Shanghai
	said := func(by identity.Principal, ago time.Duration) peopletest.Line {
		return peopletest.Line{By: by.User, At: now.Add(-ago)}
	}
	w.memory.Tell(peopletest.Talk{Candidate: ann.User, Other: rob.User, Lines: []peopletest.Line{said(rob, 5*time.Hour), said(ann, 3*time.Hour)}})
	w.memory.Tell(peopletest.Talk{Candidate: ann.User, Other: otto.User, Lines: []peopletest.Line{said(ann, 23*time.Hour), said(ann, 3*time.Hour)}})
	w.memory.Tell(peopletest.Talk{Candidate: ann.User, Other: rita.User, Lines: []peopletest.Line{said(rita, time.Hour)}})
	want := wire.Insight{Conversation: string(at), User: "u-ann", Started: 1, Received: 2, Replies: 1, ActiveHours: []int{9, 13}}
	if got, err := w.Insight(t.Context(), rob, wire.InsightGet{Conversation: string(at)}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	w.clock.pass(48 * time.Hour)
	got, err := w.Insight(t.Context(), rob, wire.InsightGet{Conversation: string(at)})
	if err != nil || got.Started+got.Received+got.Replies != 0 || got.ActiveHours == nil || len(got.ActiveHours) != 0 {
		t.Errorf("two days later: %+v, %v; want nothing", got, err)
	}
}

// T11, T6: whoever may not see them finds nothing, or is told by role only; switching off holds at once on every node, costs
// nothing else, and looks like every other reason.
func TestCountersDisappearEverywhere(t *testing.T) {
	off := map[string]func(w *town){
		"she switched them off":      func(w *town) { w.set(ann, wire.SettingsSet{Insight: ptr(false)}) },
		"she hides":                  func(w *town) { w.hide(ann, wire.Hide{Everybody: true}) },
		"she hides from his company": func(w *town) { w.hide(ann, wire.Hide{Companies: []string{"c-acme"}}) },
		"she closed the account":     func(w *town) { w.shut(ann) },
	}
	for reason, come := range off {
		w := newTown(t)
		at := wire.InsightGet{Conversation: string(w.open(rob, ann))}
		other := w.node()
		if _, err := other.Insight(t.Context(), rob, at); err != nil {
			t.Fatal(err)
		}
		come(w)
		_, err := other.Insight(t.Context(), rob, at)
		same(t, reason, err, policy.ErrNotFound)
	}
	w := newTown(t)
	at := wire.InsightGet{Conversation: string(w.open(rob, ann, hana))}
	w.set(ann, wire.SettingsSet{Insight: ptr(false)})
	w.must(w.say(rob, w.open(rob, ann)))
	w.set(ann, wire.SettingsSet{Insight: ptr(true)})
	for _, c := range []struct {
		by   identity.Principal
		want *policy.Refusal
	}{{rita, policy.ErrNotFound}, {hana, policy.ErrForbidden}, {ann, policy.ErrForbidden}} {
		if _, err := w.Insight(t.Context(), c.by, at); !isRefusal(err, c.want) {
			t.Errorf("%s %s: %v, want %v", c.by.Role, c.by.User, err, c.want)
		}
	}
	if _, err := w.Insight(t.Context(), rob, at); err != nil {
		t.Errorf("switched on again: %v", err)
	}
}
