package exchange

import (
	"slices"

	"parley/chat"
)

// What may be exchanged.
const (
	phone  = "phone"
	wechat = "wechat"
	resume = "resume"
)

var whats = []string{phone, wechat, resume}

// The states of an exchange, as they are stored.
const (
	none        = "" // there is no exchange yet
	requested   = "requested"
	agreed      = "agreed" // the resume's entry is still to come
	accepted    = chat.StateAccepted
	declined    = "declined"
	expired     = "expired"
	withdrawing = "withdrawing" // the resume's entry is hidden, the step's is still to come
	withdrawn   = "withdrawn"
	unavailable = "unavailable"
)

// public is the state as people see it.
func public(state string) string {
	switch state {
	case agreed:
		return accepted
	case withdrawing:
		return withdrawn
	}
	return state
}

// over says that no person can take a step any more.
func over(state string) bool {
	return slices.Contains([]string{declined, expired, withdrawing, withdrawn, unavailable}, state)
}

// act is what somebody does to an exchange.
type act int

const (
	nothing  act = iota
	ask          // for an exchange
	lack         // no number is to be had, or what was to be delivered is gone
	accept       //
	decline      //
	withdraw     // a request, or one's consent (R3)
	lapse        // nobody answered in time
	deliver      // the resume's entry
	conclude     // a withdrawal whose entry is missing
)

// part is what somebody is to an exchange; several at once.
type part int

const (
	asker part = 1 << iota
	other      // may answer, or has answered
	giver      // of a resume: the candidate, whichever of the two that is
	clock      // the service itself
)

const either = asker | other

// step is a row of the table: who of by may do act in state from, and what comes of it.
type step struct {
	of   []string
	from string
	act  act
	by   part
	to   string
}

var (
	contacts = []string{phone, wechat}
	resumes  = []string{resume}
	phones   = []string{phone}
)

// steps is the machine. What has no row can't be done.
var steps = []step{
	{whats, none, ask, asker, requested},
	{phones, none, lack, asker, unavailable},

	{contacts, requested, accept, other, accepted},
	{resumes, requested, accept, other, agreed},
	{phones, requested, lack, other, unavailable},
	{whats, requested, decline, other, declined},
	{whats, requested, withdraw, asker, withdrawn},
	{whats, requested, lapse, clock, expired},

	{resumes, agreed, deliver, clock, accepted},
	{resumes, agreed, lack, clock, unavailable},
	{resumes, agreed, withdraw, giver, withdrawn},

	{contacts, accepted, withdraw, either, withdrawn},
	{resumes, accepted, withdraw, giver, withdrawing},
	{resumes, accepted, conclude, giver, withdrawn}, // its entry was recalled before
	{resumes, withdrawing, conclude, clock, withdrawn},
}

// next is the state that the act leads to, false when it can't be done.
func next(what, from string, a act, by part) (to string, ok bool) {
	for _, s := range steps {
		if s.from == from && s.act == a && s.by&by != 0 && slices.Contains(s.of, what) {
			return s.to, true
		}
	}
	return "", false
}
