package appointment

import (
	"slices"
	"time"
)

// The states of an appointment are its steps' names on the wire.
const (
	none        = "" // there is no appointment yet
	invited     = "invited"
	accepted    = "accepted"
	declined    = "declined"
	rescheduled = "rescheduled"
	cancelled   = "cancelled"
	noShow      = "no_show"
)

// proposed are the states in which an answer is awaited.
var proposed = []string{invited, rescheduled}

// over says that no step follows.
func over(state string) bool { return slices.Contains([]string{declined, cancelled, noShow}, state) }

// part is what a side is to an appointment.
type part int

const (
	inviter  part = 1 << iota
	answerer      // whose turn it is
	proposer      // who waits for the answer
	party         // either side, while no answer is awaited
)

// when is at which time, seen from that of the meeting, a step can be taken.
type when int

const (
	never   when = iota
	anytime      //
	ahead        // before it
	lately       // until a day after it
	missed       // within a day after it
)

// Late is how long after the meeting's time it can still be moved, or reported as missed.
const Late = 24 * time.Hour

// at says whether now is such a time.
func (w when) at(now, meeting time.Time) bool {
	begun, ended := !now.Before(meeting), !now.Before(meeting.Add(Late))
	switch w {
	case anytime:
		return true
	case ahead:
		return !begun
	case lately:
		return !ended
	case missed:
		return begun && !ended
	}
	return false
}

// step is a row of the table: who of by may do act in one of the states from, when, and what comes of it.
type step struct {
	from []string
	act  string
	by   part
	when when
	to   string
}

// The acts, as clients name them.
const (
	invite     = "invite"
	accept     = "accept"
	decline    = "decline"
	reschedule = "reschedule"
	cancel     = "cancel"
	miss       = "no_show"
)

var acts = []string{accept, decline, reschedule, cancel, miss} // on an appointment that there is

// steps is the machine. What has no row can't be done.
var steps = []step{
	{[]string{none}, invite, inviter, ahead, invited},

	{proposed, accept, answerer, ahead, accepted},
	{proposed, decline, answerer, anytime, declined},
	{proposed, reschedule, answerer, anytime, rescheduled},
	{proposed, cancel, proposer, anytime, cancelled},

	{[]string{accepted}, reschedule, party, lately, rescheduled},
	{[]string{accepted}, cancel, party, ahead, cancelled},
	{[]string{accepted}, miss, party, missed, noShow},
}

// next is the state that the act leads to at that time, or why there is none.
func next(from, act string, by part, now, meeting time.Time) (to string, err error) {
	if over(from) {
		return "", errOver
	}
	i := slices.IndexFunc(steps, func(s step) bool { return s.act == act && slices.Contains(s.from, from) })
	if i < 0 {
		return "", errNotNow
	}
	s := steps[i]
	switch {
	case s.by&by == 0:
		return "", errNotYours
	case !s.when.at(now, meeting):
		return "", errTime
	}
	return s.to, nil
}
