package identity

import (
	"slices"

	"parley/internal/policy"
)

// Action is something that a principal may be allowed to do: "area.verb".
type Action string

// The actions.
const (
	AppointmentAct   Action = "appointment.act"   // as a member
	AttachOpen       Action = "attach.open"       // as a member; a resume's file is not for headhunters (T6)
	AttachPut        Action = "attach.put"        // as a member
	ConversationOpen Action = "conversation.open" // the platform's backend says who wants to meet whom (T1, T4)
	ConversationRead Action = "conversation.read" // as a member
	ConversationList Action = "conversation.list" // of anybody, without what was said
	ChatSend         Action = "chat.send"         // as a member
	ChatDisclose     Action = "chat.disclose"     // one's own name (T2)
	ChatPost         Action = "chat.post"         // messages as the system
	ChatReport       Action = "chat.report"       // as a member
	CrowdJoin        Action = "crowd.join"
	CrowdSay         Action = "crowd.say"
	CrowdManage      Action = "crowd.manage"
	ExchangeAct      Action = "exchange.act" // as a member (T3, T5, T6)
	InsightRead      Action = "insight.read" // of a candidate one talks with (T11)
	InterviewOpen    Action = "interview.open"
	InterviewJoin    Action = "interview.join"    // as a participant
	InterviewConsent Action = "interview.consent" // as a participant (E2, R6)
	InterviewEnd     Action = "interview.end"     // as a participant
	Moderate         Action = "moderate"          // mute, ban, rules, reports
	NoticeSend       Action = "notice.send"       // to anybody, as far as they allow (T10)
	OutboxRead       Action = "outbox.read"       // dead letters: ids of what was not delivered (A6)
	OutboxReplay     Action = "outbox.replay"     // deliver them again
	PeopleBlock      Action = "people.block"      // others, for oneself
	PeopleManage     Action = "people.manage"     // anybody's settings, blocks, quota; closing accounts
	QuotaRead        Action = "quota.read"        // one's own
	RecordingPlay    Action = "recording.play"    // of an interview one took part in (E2); staff get none this way (A1)
	SessionOpen      Action = "session.open"      // a live connection
	SessionRevoke    Action = "session.revoke"    // of anybody (T7)
	SettingsOwn      Action = "settings.own"      // one's own
	StatusRead       Action = "status.read"       // of the node
	TextRead         Action = "text.read"         // versions of notices (R6)
	TranscriptRead   Action = "transcript.read"   // as ciphertext with its proof (E6)
)

// Actions lists every action, for tables and tests.
var Actions = []Action{
	AppointmentAct, AttachOpen, AttachPut, ConversationOpen, ConversationRead, ConversationList,
	ChatSend, ChatDisclose, ChatPost, ChatReport, CrowdJoin, CrowdSay, CrowdManage, ExchangeAct, InsightRead,
	InterviewOpen, InterviewJoin, InterviewConsent, InterviewEnd, Moderate, NoticeSend, OutboxRead, OutboxReplay,
	PeopleBlock, PeopleManage, QuotaRead, RecordingPlay, SessionOpen, SessionRevoke, SettingsOwn, StatusRead, TextRead, TranscriptRead,
}

// allowed is the one table of authorisation. A role that is not in a row may not do it.
var allowed = map[Action][]Role{
	AppointmentAct:   {Candidate, Recruiter, Headhunter},
	AttachOpen:       {Candidate, Recruiter, Headhunter},
	AttachPut:        {Candidate, Recruiter, Headhunter},
	ConversationOpen: {Service},
	ConversationList: {Service},
	ConversationRead: {Candidate, Recruiter, Headhunter},
	ChatSend:         {Candidate, Recruiter, Headhunter},
	ChatDisclose:     {Candidate},
	ChatPost:         {Service},
	ChatReport:       {Candidate, Recruiter, Headhunter},
	CrowdJoin:        {Candidate, Recruiter, Headhunter, Viewer},
	CrowdSay:         {Candidate, Recruiter, Headhunter},
	CrowdManage:      {Service},
	ExchangeAct:      {Candidate, Recruiter, Headhunter},
	InsightRead:      {Recruiter},
	InterviewOpen:    {Recruiter, Headhunter, Service},
	InterviewJoin:    {Candidate, Recruiter, Headhunter},
	InterviewConsent: {Candidate, Recruiter, Headhunter},
	InterviewEnd:     {Candidate, Recruiter, Headhunter},
	Moderate:         {Operator, Service},
	NoticeSend:       {Service},
	OutboxRead:       {Operator, Service},
	OutboxReplay:     {Operator, Service},
	PeopleBlock:      {Candidate, Recruiter, Headhunter},
	PeopleManage:     {Service},
	QuotaRead:        {Recruiter, Headhunter},
	RecordingPlay:    {Candidate, Recruiter, Headhunter},
	SessionOpen:      {Candidate, Recruiter, Headhunter, Viewer},
	SessionRevoke:    {Operator, Service},
	SettingsOwn:      {Candidate, Recruiter, Headhunter},
	StatusRead:       {Operator},
	TextRead:         {Candidate, Recruiter, Headhunter, Viewer, Support, Approver, Operator, Service},
	TranscriptRead:   {Service},
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
