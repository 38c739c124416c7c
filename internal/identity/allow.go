package identity

import (
	"slices"

	"parley/internal/policy"
)

// Action is something that a principal may be allowed to do: "area.verb".
type Action string

// The actions.
const (
	ConversationOpen Action = "conversation.open" // the platform's backend decides who may meet (T1, T4)
	ConversationRead Action = "conversation.read" // as a member
	ChatSend         Action = "chat.send"         // as a member
	ChatDisclose     Action = "chat.disclose"     // one's own name (T2)
	InterviewOpen    Action = "interview.open"
	InterviewJoin    Action = "interview.join"    // as a participant
	InterviewConsent Action = "interview.consent" // as a participant (E2, R6)
	InterviewEnd     Action = "interview.end"     // as a participant
	OutboxRead       Action = "outbox.read"       // dead letters: ids of what was not delivered (A6)
	OutboxReplay     Action = "outbox.replay"     // deliver them again
	RecordingPlay    Action = "recording.play"    // of an interview one took part in (E2); staff get none this way (A1)
	SessionOpen      Action = "session.open"      // a live connection
	SessionRevoke    Action = "session.revoke"    // of anybody (T7)
	StatusRead       Action = "status.read"       // of the node
	TextRead         Action = "text.read"         // versions of notices (R6)
)

// Actions lists every action, for tables and tests.
var Actions = []Action{
	ConversationOpen, ConversationRead, ChatSend, ChatDisclose,
	InterviewOpen, InterviewJoin, InterviewConsent, InterviewEnd, OutboxRead, OutboxReplay, RecordingPlay,
	SessionOpen, SessionRevoke, StatusRead, TextRead,
}

// allowed is the one table of authorisation. A role that is not in a row may not do it.
var allowed = map[Action][]Role{
	ConversationOpen: {Service},
	ConversationRead: {Candidate, Recruiter, Headhunter},
	ChatSend:         {Candidate, Recruiter, Headhunter},
	ChatDisclose:     {Candidate},
	InterviewOpen:    {Recruiter, Headhunter, Service},
	InterviewJoin:    {Candidate, Recruiter, Headhunter},
	InterviewConsent: {Candidate, Recruiter, Headhunter},
	InterviewEnd:     {Candidate, Recruiter, Headhunter},
	OutboxRead:       {Operator, Service},
	OutboxReplay:     {Operator, Service},
	RecordingPlay:    {Candidate, Recruiter, Headhunter},
	SessionOpen:      {Candidate, Recruiter, Headhunter, Viewer},
	SessionRevoke:    {Operator, Service},
	StatusRead:       {Operator},
	TextRead:         {Candidate, Recruiter, Headhunter, Viewer, Support, Approver, Operator, Service},
}

// Allow says whether the principal's role may do such a thing at all: nil, [policy.ErrUnauthenticated] for nobody,
// [policy.ErrForbidden] for the wrong role. An action that is not in the table is refused to everybody.
func Allow(p Principal, a Action) error {
	if p.User == "" || p.Role == Nobody {
		return policy.ErrUnauthenticated
	}
	if !slices.Contains(allowed[a], p.Role) {
		return policy.ErrForbidden
	}
	return nil
}
