package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat/moderation"
	"parley/internal/identity"
)

// Moderation is what moderators do.
type (
	Moderation interface {
		Standing() moderation.Standing
		ModerationSilences
		ModerationReports
	}
	// ModerationSilences are mutes and bans.
	ModerationSilences interface {
		Silence(ctx context.Context, p identity.Principal, q moderation.Silence) error
		Lift(ctx context.Context, p identity.Principal, u identity.UserID) error
		Silenced(ctx context.Context, p identity.Principal, after identity.UserID, limit int) ([]moderation.Silence, error)
	}
	// ModerationReports are what people reported.
	ModerationReports interface {
		Reports(ctx context.Context, p identity.Principal, o moderation.Outcome, after moderation.ReportID, limit int) ([]moderation.Report, error)
		Filed(ctx context.Context, p identity.Principal, id moderation.ReportID) (moderation.Report, error)
		Close(ctx context.Context, p identity.Principal, id moderation.ReportID, o moderation.Outcome) error
	}
)

// ModerationRules says which rules are in force.
type ModerationRules struct {
	File     bool                         `json:"file" doc:"They are those of a file; otherwise the built-in ones"`
	Contacts map[string]map[string]string `json:"contacts" doc:"What happens to contacts, by role of who receives (to) and who sends (from)" example:"{\"to\":{\"headhunter\":\"mask\"}}"`
	Lists    []ModerationList             `json:"lists"`
	Veto     bool                         `json:"veto" doc:"A webhook is asked before a message is stored"`
	Fault    *ModerationFault             `json:"fault,omitempty" doc:"The file was changed and can't be loaded; the rules before stay in force"`
}

// ModerationList is a list of words and patterns.
type ModerationList struct {
	Name     string            `json:"name" example:"abuse"`
	Words    int               `json:"words"`
	Patterns int               `json:"patterns"`
	To       map[string]string `json:"to" doc:"The action by role of who receives" example:"{\"candidate\":\"refuse\"}"`
}

// ModerationFault is what is wrong with the rules file.
type ModerationFault struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why" doc:"With the line, for who wrote the file" example:"rules file rules.yaml: line 3: an action is allow, confirm, mask or refuse"`
}

// Silence keeps a user from sending.
type Silence struct {
	User   string    `json:"user" example:"u-1001"`
	Kind   string    `json:"kind" enum:"mute,ban"`
	Until  time.Time `json:"until,omitzero" doc:"Absent: for good"`
	Reason string    `json:"reason" doc:"Not told to the user"`
	Since  time.Time `json:"since"`
}

// Report is what a user reported, without the messages.
type Report struct {
	ID           string          `json:"id"`
	Conversation string          `json:"conversation"`
	Reporter     string          `json:"reporter" example:"u-2002"`
	Reason       string          `json:"reason" example:"fraud"`
	Note         string          `json:"note,omitempty" doc:"The reporter's own words; only of a report that is asked for by its id"`
	Filed        time.Time       `json:"filed"`
	Outcome      string          `json:"outcome,omitempty" doc:"Absent while it is open" enum:"upheld,dismissed"`
	Closed       time.Time       `json:"closed,omitzero"`
	Entries      []ReportedEntry `json:"entries,omitempty" doc:"Likewise"`
}

// ReportedEntry is one entry of a conversation, by its place and digest.
type ReportedEntry struct {
	Seq    uint64 `json:"seq"`
	Sender string `json:"sender" example:"u-1001"`
	Digest string `json:"digest" doc:"SHA-256 of the entry's line in the conversation's transcript, with prev zero (TRANSCRIPT.md)"`
}

type (
	shownRules struct {
		CacheControl string `header:"Cache-Control"`
		Body         ModerationRules
	}
	listSilences struct {
		After string `query:"after" maxLength:"128" doc:"The last user of the page before"`
		Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	}
	shownSilences struct {
		CacheControl string `header:"Cache-Control"`
		Body         struct {
			Silences []Silence `json:"silences" doc:"By user id"`
			Next     string    `json:"next,omitempty" doc:"What to send as after for the next page; absent on the last"`
		}
	}
	setSilence struct {
		User string `path:"user" maxLength:"128"`
		Body struct {
			Kind   string    `json:"kind" enum:"mute,ban" doc:"mute: writes nothing; ban: sends nothing at all, no steps of exchanges or appointments either"`
			Until  time.Time `json:"until,omitzero" doc:"Absent: for good"`
			Reason string    `json:"reason" minLength:"1" maxLength:"500" doc:"For moderators and the audit log"`
		}
	}
	liftSilence struct {
		User string `path:"user" maxLength:"128"`
	}
	listReports struct {
		Outcome string `query:"outcome" enum:"open,upheld,dismissed" default:"open"`
		After   string `query:"after" maxLength:"64" doc:"The last id of the page before"`
		Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
	}
	shownReports struct {
		CacheControl string `header:"Cache-Control"`
		Body         struct {
			Reports []Report `json:"reports" doc:"Oldest first"`
			Next    string   `json:"next,omitempty" doc:"What to send as after for the next page; absent on the last"`
		}
	}
	oneReport struct {
		ID string `path:"id" maxLength:"64"`
	}
	shownReport struct {
		CacheControl string `header:"Cache-Control"`
		Body         Report
	}
	closeReport struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			Outcome string `json:"outcome" enum:"upheld,dismissed"`
			Reason  string `json:"reason,omitempty" maxLength:"500" doc:"For the audit log"`
		}
	}
)

func (a *API) moderation() {
	op := func(id, method, path, summary, description string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/v1/moderation/" + path, Summary: summary, Description: description, Errors: errors}
	}
	secured(a, identity.Moderate, op("get-moderation-rules", http.MethodGet, "rules", "Which rules are in force",
		"On this node. Rules are a file of the operator's; it is read again when it changes."), a.moderationRules)
	secured(a, identity.Moderate, op("list-silences", http.MethodGet, "silences", "Who is muted or banned", ""), a.listSilences)
	secured(a, identity.Moderate, op("set-silence", http.MethodPut, "silences/{user}", "Mute or ban a user",
		"In place of what was set before. It holds within two seconds on every node; the user can still read, report and recall.", http.StatusRequestEntityTooLarge), a.setSilence)
	secured(a, identity.Moderate, op("lift-silence", http.MethodDelete, "silences/{user}", "Let a user write again", "", http.StatusNotFound), a.liftSilence)
	secured(a, identity.Moderate, op("list-reports", http.MethodGet, "reports", "What people reported",
		"Without the messages: those are evidence, and are read by a request that a second person approves."), a.listReports)
	secured(a, identity.Moderate, op("get-report", http.MethodGet, "reports/{id}", "One report, with its note and which entries it is about",
		"Reading it is in the audit log.", http.StatusNotFound), a.getReport)
	secured(a, identity.Moderate, op("close-report", http.MethodPost, "reports/{id}/close", "Give a report its outcome",
		"It can't be taken back; repeating it does no harm, another outcome is a conflict.", http.StatusNotFound, http.StatusConflict), a.closeReport)
}

func (a *API) moderationRules(context.Context, identity.Principal, *struct{}) (*shownRules, error) {
	st := a.Moderation.Standing()
	out := &shownRules{CacheControl: "no-store", Body: ModerationRules{File: st.File, Contacts: st.Contacts, Veto: st.Veto, Lists: []ModerationList{}}}
	for _, l := range st.Lists {
		out.Body.Lists = append(out.Body.Lists, ModerationList(l))
	}
	if st.Fault != nil {
		out.Body.Fault = &ModerationFault{Since: st.Fault.Since, Why: st.Fault.Err.Error()}
	}
	return out, nil
}

func (a *API) listSilences(ctx context.Context, p identity.Principal, in *listSilences) (*shownSilences, error) {
	all, err := a.Moderation.Silenced(ctx, p, identity.UserID(in.After), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &shownSilences{CacheControl: "no-store"}
	out.Body.Silences = []Silence{}
	for _, q := range all {
		out.Body.Silences = append(out.Body.Silences, Silence{User: string(q.User), Kind: string(q.Kind), Until: q.Until, Reason: q.Reason, Since: q.Set})
	}
	if len(all) == in.Limit {
		out.Body.Next = string(all[len(all)-1].User)
	}
	return out, nil
}

// setSilence is written down before it happens (A3).
func (a *API) setSilence(ctx context.Context, p identity.Principal, in *setSilence) (*struct{}, error) {
	q := moderation.Silence{User: identity.UserID(in.User), Kind: moderation.SilenceKind(in.Body.Kind), Until: in.Body.Until, Reason: in.Body.Reason}
	if err := a.Audit.Record(ctx, p, string(identity.Moderate), "user/"+in.User, "what", in.Body.Kind, "reason", in.Body.Reason); err != nil {
		return nil, err
	}
	return nil, a.Moderation.Silence(ctx, p, q)
}

func (a *API) liftSilence(ctx context.Context, p identity.Principal, in *liftSilence) (*struct{}, error) {
	if err := a.Audit.Record(ctx, p, string(identity.Moderate), "user/"+in.User, "what", "lift"); err != nil {
		return nil, err
	}
	return nil, a.Moderation.Lift(ctx, p, identity.UserID(in.User))
}

func (a *API) listReports(ctx context.Context, p identity.Principal, in *listReports) (*shownReports, error) {
	outcome := moderation.Outcome(in.Outcome)
	if in.Outcome == "open" {
		outcome = moderation.Open
	}
	all, err := a.Moderation.Reports(ctx, p, outcome, moderation.ReportID(in.After), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &shownReports{CacheControl: "no-store"}
	out.Body.Reports = []Report{}
	for _, r := range all {
		out.Body.Reports = append(out.Body.Reports, reportShown(r))
	}
	if len(all) == in.Limit {
		out.Body.Next = string(all[len(all)-1].ID)
	}
	return out, nil
}

func reportShown(r moderation.Report) Report {
	out := Report{
		ID: string(r.ID), Conversation: string(r.Conversation), Reporter: string(r.Reporter), Reason: r.Reason, Note: r.Note, Filed: r.Filed,
		Outcome: string(r.Outcome), Closed: r.Closed,
	}
	for _, e := range r.Entries {
		out.Entries = append(out.Entries, ReportedEntry{Seq: e.Seq, Sender: string(e.Sender), Digest: e.Digest.String()})
	}
	return out
}

// getReport shows what a person wrote about another, so it is written down before (A3).
func (a *API) getReport(ctx context.Context, p identity.Principal, in *oneReport) (*shownReport, error) {
	if err := a.Audit.Record(ctx, p, string(identity.Moderate), "report/"+in.ID, "what", "read"); err != nil {
		return nil, err
	}
	r, err := a.Moderation.Filed(ctx, p, moderation.ReportID(in.ID))
	if err != nil {
		return nil, err
	}
	return &shownReport{CacheControl: "no-store", Body: reportShown(r)}, nil
}

func (a *API) closeReport(ctx context.Context, p identity.Principal, in *closeReport) (*struct{}, error) {
	o := moderation.Outcome(in.Body.Outcome)
	if err := a.Audit.Record(ctx, p, string(identity.Moderate), "report/"+in.ID, "what", in.Body.Outcome, "reason", in.Body.Reason); err != nil {
		return nil, err
	}
	return nil, a.Moderation.Close(ctx, p, moderation.ReportID(in.ID), o)
}
