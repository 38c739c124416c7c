package appointment_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/appointment"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

const day = 24 * time.Hour

func TestAMeetingIsArrangedBackAndForth(t *testing.T) {
	for _, who := range []identity.Principal{rob, hana} {
		w := start(t, who)
		id := w.invited(who)
		w.refused(policy.ErrForbidden)(w.do(who, id, "accept"))
		s := w.is("rescheduled recruiter")(w.move(ann, id, w.in(3*day)))
		if !s.At.Equal(w.in(3*day)) || s.Minutes != 45 {
			t.Errorf("the state is %+v", s)
		}
		w.refused(policy.ErrForbidden)(w.do(ann, id, "accept"))
		s = w.is("rescheduled candidate")(w.act(who, id, "reschedule", wire.AppointmentAct{At: w.in(4 * day), Minutes: 60, Note: "三楼"}))
		w.refused(policy.ErrConflict)(w.act(ann, id, "accept", wire.AppointmentAct{At: w.in(3 * day)})) // what was seen stands no more
		s = w.is("accepted")(w.act(ann, id, "accept", wire.AppointmentAct{At: s.At}))
		if !s.At.Equal(w.in(4*day)) || s.Minutes != 60 {
			t.Errorf("the state is %+v", s)
		}
		by := string(who.User)
		w.told(id, "invited "+by, "rescheduled u-ann", "rescheduled "+by, "accepted u-ann")
		if e := w.entries(id)[2]; e.Note != "三楼" || e.Minutes != 60 || !e.At.Equal(w.in(4*day)) {
			t.Errorf("the third entry is %+v", e)
		}
		c, err := w.View(t.Context(), ann, w.id)
		if err != nil || c.Appointment != "accepted" {
			t.Errorf("the inbox shows %q, %v", c.Appointment, err)
		}
	}
}

func TestHowAMeetingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		steps func(w *world, id string)
		want  []string
	}{
		"declined":                   {func(w *world, id string) { w.is("declined")(w.do(ann, id, "decline")) }, []string{"declined u-ann"}},
		"cancelled before an answer": {func(w *world, id string) { w.is("cancelled")(w.do(rob, id, "cancel")) }, []string{"cancelled u-rob"}},
		"cancelled by the candidate": {func(w *world, id string) {
			w.is("accepted")(w.do(ann, id, "accept"))
			w.is("cancelled")(w.act(ann, id, "cancel", wire.AppointmentAct{Note: "抱歉"}))
		}, []string{"accepted u-ann", "cancelled u-ann"}},
		"the candidate did not come": {func(w *world, id string) {
			w.is("accepted")(w.do(ann, id, "accept"))
			w.refused(policy.ErrConflict)(w.do(rob, id, "no_show"))
			w.clock.pass(2*day + time.Minute)
			w.refused(policy.ErrConflict)(w.do(ann, id, "cancel"))
			w.is("no_show")(w.do(rob, id, "no_show"))
		}, []string{"accepted u-ann", "no_show u-rob"}},
		"a counter-proposal that is declined": {func(w *world, id string) {
			w.is("rescheduled recruiter")(w.move(ann, id, w.in(day)))
			w.is("declined")(w.do(rob, id, "decline"))
		}, []string{"rescheduled u-ann", "declined u-rob"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			id := w.invited(rob)
			c.steps(w, id)
			w.told(id, append([]string{"invited u-rob"}, c.want...)...)
			last := c.want[len(c.want)-1]
			for _, p := range []identity.Principal{ann, rob} {
				for _, act := range []string{"accept", "decline", "reschedule", "cancel", "no_show"} {
					s, err := w.act(p, id, act, wire.AppointmentAct{At: w.in(5 * day)})
					again := err == nil && strings.HasPrefix(last, s.State+" ") && strings.HasSuffix(last, " "+string(p.User))
					if !again && !errors.Is(err, policy.ErrGone) {
						t.Errorf("%s by %s afterwards: %+v, %v", act, p.User, s, err)
					}
				}
			}
			w.told(id, append([]string{"invited u-rob"}, c.want...)...)
			w.invited(rob)
		})
	}
}

func TestAnAcceptedMeetingCanBeMovedUntilADayAfterIt(t *testing.T) {
	w := start(t)
	id := w.invited(rob)
	w.is("accepted")(w.do(ann, id, "accept"))
	w.clock.pass(2*day + appointment.Late - time.Second)
	w.is("rescheduled candidate")(w.move(rob, id, w.in(day)))
	w.is("accepted")(w.do(ann, id, "accept"))
	w.clock.pass(day + appointment.Late)
	w.refused(policy.ErrConflict)(w.move(rob, id, w.in(day)))
	w.refused(policy.ErrConflict)(w.do(rob, id, "no_show"))
}

func TestATimeThatHasPassedIsNotAccepted(t *testing.T) {
	w := start(t)
	id := w.invited(rob)
	w.clock.pass(2 * day)
	w.refused(policy.ErrConflict)(w.do(ann, id, "accept"))
	w.is("rescheduled recruiter")(w.move(ann, id, w.in(day)))
	w.is("accepted")(w.do(rob, id, "accept"))
}

func TestOnlyTheRecruitingSideInvites(t *testing.T) {
	w := start(t, rob, rita)
	w.refused(policy.ErrForbidden)(w.invite(ann, wire.AppointmentInvite{At: w.in(day)}))
	id := w.invited(rob)
	w.is("rescheduled recruiter")(w.move(ann, id, w.in(day)))
	w.is("accepted")(w.do(rita, id, "accept")) // a colleague answers for the side
	w.told(id, "invited u-rob", "rescheduled u-ann", "accepted u-rita")
}

func TestStrangersLearnNothingOfAppointments(t *testing.T) {
	w := start(t)
	id := w.invited(rob)
	as := func(u identity.UserID, r identity.Role) identity.Principal {
		return identity.Principal{User: u, Role: r}
	}
	for _, c := range []struct {
		who  identity.Principal
		want error
	}{
		{as("u-x", identity.Recruiter), policy.ErrNotFound},
		{as("u-x", identity.Candidate), policy.ErrNotFound},
		{as(ann.User, identity.Recruiter), policy.ErrNotFound},
		{as(rob.User, identity.Service), policy.ErrForbidden},
		{as(rob.User, identity.Viewer), policy.ErrForbidden},
		{identity.Principal{}, policy.ErrUnauthenticated},
	} {
		w.refused(c.want)(w.invite(c.who, wire.AppointmentInvite{At: w.in(day)}))
		w.refused(c.want)(w.do(c.who, id, "accept"))
		w.refused(c.want)(w.do(c.who, id, "dance"))
	}
	w.refused(policy.ErrNotFound)(w.do(ann, "nothing", "accept"))
	w.refused(policy.ErrNotFound)(w.do(ann, strings.Repeat("x", 1<<16), "accept"))
	w.id = w.NewConversation()
	w.refused(policy.ErrNotFound)(w.do(ann, id, "accept")) // what is elsewhere is nowhere
}

func TestAnInvitationIsChecked(t *testing.T) {
	w := start(t)
	for name, f := range map[string]wire.AppointmentInvite{
		"no time":             {},
		"in the past":         {At: w.in(-time.Second)},
		"this very moment":    {At: w.in(0)},
		"in two years":        {At: w.in(2 * 366 * day)},
		"in a million years":  {At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"too short":           {At: w.in(day), Minutes: appointment.MinMinutes - 1},
		"negative":            {At: w.in(day), Minutes: -45},
		"too long":            {At: w.in(day), Minutes: appointment.MaxMinutes + 1},
		"a long note":         {At: w.in(day), Note: strings.Repeat("n", appointment.MaxNote+1)},
		"a note not UTF-8":    {At: w.in(day), Note: "a\xff"},
		"a note of controls":  {At: w.in(day), Note: "a\x00"},
		"a cid of other form": {At: w.in(day), CID: "1"},
		"a cid of version 4":  {At: w.in(day), CID: "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
	} {
		if _, err := w.invite(rob, f); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v, want bad_request", name, err)
		}
	}
	id := w.invited(rob)
	w.refused(policy.ErrBadRequest)(w.do(ann, id, "dance"))
	w.refused(policy.ErrBadRequest)(w.do(ann, id, "invite"))
	w.refused(policy.ErrBadRequest)(w.do(ann, id, "reschedule")) // no time
	w.refused(policy.ErrBadRequest)(w.act(ann, id, "reschedule", wire.AppointmentAct{At: w.in(day), Minutes: 1}))
	w.refused(policy.ErrBadRequest)(w.act(ann, id, "accept", wire.AppointmentAct{Note: "\x07"}))
	w.told(id, "invited u-rob")
}

func TestThereIsALimitToOpenAppointments(t *testing.T) {
	w := start(t)
	first := w.invited(rob)
	for range appointment.MaxOpen - 1 {
		w.invited(rob)
	}
	w.refused(policy.ErrConflict)(w.invite(rob, wire.AppointmentInvite{At: w.in(day)}))
	w.is("declined")(w.do(ann, first, "decline"))
	w.invited(rob)
	w.refused(policy.ErrConflict)(w.invite(rob, wire.AppointmentInvite{At: w.in(day)}))
	w.clock.pass(4 * day)
	w.invited(rob) // the others are over
}

func TestTheSameCIDIsTheSameInvitation(t *testing.T) {
	w := start(t, rob, rita)
	f := wire.AppointmentInvite{CID: string(chattest.CID(t)), At: w.in(day)}
	first := w.is("invited candidate")(w.invite(rob, f))
	again := f
	again.At = w.in(2 * day)
	if s := w.is("invited candidate")(w.invite(rob, again)); s != first {
		t.Errorf("again: %+v, want %+v", s, first)
	}
	w.is("accepted")(w.do(ann, first.Appointment, "accept"))
	w.is("accepted")(w.do(ann, first.Appointment, "accept"))
	w.is("accepted")(w.invite(rob, f))
	if s := w.is("invited candidate")(w.invite(rita, f)); s.Appointment == first.Appointment {
		t.Error("another's cid names the same appointment")
	}
	w.told(first.Appointment, "invited u-rob", "accepted u-ann")
}

// Words pass the gates, and so does a yes; a no without words does not need to.
func TestGatesAreAskedForWordsAndAYes(t *testing.T) {
	w := start(t)
	one, other, third := w.invited(rob), w.invited(rob), w.invited(rob)
	w.gate.do = func(chat.Attempt) (json.RawMessage, error) { return nil, policy.ErrClosed }
	w.refused(policy.ErrClosed)(w.invite(rob, wire.AppointmentInvite{At: w.in(day)}))
	w.refused(policy.ErrClosed)(w.do(ann, one, "accept"))
	w.refused(policy.ErrClosed)(w.move(ann, one, w.in(day)))
	w.refused(policy.ErrClosed)(w.act(ann, one, "decline", wire.AppointmentAct{Note: "call 13812345678"}))
	w.is("declined")(w.do(ann, one, "decline"))
	w.is("cancelled")(w.do(rob, other, "cancel"))
	w.gate.do = func(a chat.Attempt) (json.RawMessage, error) {
		if !a.Confirmed {
			return nil, policy.ErrConfirm
		}
		return json.RawMessage(strings.ReplaceAll(string(a.Content), "13812345678", "***")), nil
	}
	f := wire.AppointmentAct{At: w.in(day), Note: "call 13812345678"}
	w.refused(policy.ErrConfirm)(w.act(ann, third, "reschedule", f))
	f.Confirmed = true
	w.is("rescheduled recruiter")(w.act(ann, third, "reschedule", f))
	if e := w.entries(third)[1]; e.Note != "call ***" || !e.At.Equal(w.in(day)) {
		t.Errorf("the entry is %+v", e)
	}
	log := w.Log(ann, w.id)
	o, err := w.Original(t.Context(), w.id, log[len(log)-1].Seq)
	if err != nil || !strings.Contains(string(o.Wrote), "13812345678") || !o.Masked {
		t.Errorf("the original is %s, %v", o.Wrote, err)
	}
	if a := w.gate.asked[len(w.gate.asked)-1]; a.Type != chat.TypeAppointment || a.By.User != ann.User || a.CID == "" {
		t.Errorf("the gate was asked %+v", a)
	}
}

// Time and words of a meeting are sealed (A4).
func TestWhatIsArrangedIsSealed(t *testing.T) {
	w := start(t)
	id := w.is("invited candidate")(w.invite(rob, wire.AppointmentInvite{At: w.in(2 * day), Note: "三楼会议室"})).Appointment
	w.is("accepted")(w.do(ann, id, "accept"))
	saw := string(w.tap.saw)
	for _, hidden := range []string{"三楼会议室", w.in(2 * day).Format("2006-01-02T15:04"), `"minutes"`} {
		if strings.Contains(saw, hidden) {
			t.Errorf("the store was given %q", hidden)
		}
	}
	if !strings.Contains(saw, "appointment/invite/") || !strings.Contains(saw, id) {
		t.Errorf("the search finds nothing in %d bytes", len(saw))
	}
}
