package moderation

import "parley/internal/identity"

// Action is what happens to what somebody wants to write. The zero value is none and refuses.
type Action uint8

// The actions, the stricter ones last.
const (
	NoAction Action = iota
	Allow           // it is stored as it is
	Confirm         // the person is asked first
	Mask            // what was found is stored as stars
	Refuse          // nothing is stored
)

// actions are the names of actions in rules.
var actions = map[string]Action{"allow": Allow, "confirm": Confirm, "mask": Mask, "refuse": Refuse}

// String is the action's name in rules and metrics.
func (a Action) String() string {
	for name, b := range actions {
		if a == b {
			return name
		}
	}
	return "none"
}

// byRole are actions by the role of who receives.
type byRole map[identity.Role]Action

// sides are the roles that talk to each other.
var sides = []identity.Role{identity.Candidate, identity.Recruiter, identity.Headhunter}

// everywhere is one action whoever receives.
func everywhere(a Action) byRole {
	return byRole{identity.Candidate: a, identity.Recruiter: a, identity.Headhunter: a}
}
