package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// People is what the platform does for one of its users.
type (
	People interface {
		PeopleSettings
		PeopleBlocks
		PeopleQuota
	}
	// PeopleSettings are a user's own; Close ends the account for ever (R4).
	PeopleSettings interface {
		SettingsOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Settings, error)
		SetOf(ctx context.Context, p identity.Principal, u identity.UserID, f wire.SettingsSet) (wire.Settings, error)
		Close(ctx context.Context, p identity.Principal, u identity.UserID) error
	}
	// PeopleBlocks are whom a user blocks.
	PeopleBlocks interface {
		BlocksOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Blocks, error)
		BlockOf(ctx context.Context, p identity.Principal, u identity.UserID, b wire.Blocked, off bool) error
	}
	// PeopleQuota is how many conversations a user may start a day (T1).
	PeopleQuota interface {
		QuotaOf(ctx context.Context, p identity.Principal, u identity.UserID) (wire.Quota, error)
		LimitOf(ctx context.Context, p identity.Principal, u identity.UserID, limit *int) (wire.Quota, error)
	}
)

// UserSettings are those of a person, see [wire.Settings].
type UserSettings struct {
	Receipts  bool                `json:"receipts" doc:"Others see what the user has read"`
	Presence  bool                `json:"presence" doc:"Others see whether the user is here"`
	Hide      wire.Hide           `json:"hide" doc:"As a candidate, from whom: they can open no conversation with the user, and what they send is refused as for a closed account"`
	Insight   bool                `json:"insight" doc:"Recruiters see counters of what the user did as a candidate over 24 hours"`
	Notices   map[string][]string `json:"notices" doc:"Channels (push, sms, mail) by class (marketing, recommendation); what is not there is off. Service notices always come"`
	Reminders []string            `json:"reminders" doc:"Channels of reminders of what is unread, the first ones first"`
	Quiet     wire.Quiet          `json:"quiet" doc:"Hours without reminders; from and to empty: none"`
	Greetings []string            `json:"greetings" doc:"Templates for a first message"`
	Replies   []string            `json:"replies" doc:"Quick replies"`
}

// UserSettingsChange replaces those that are there, see [wire.SettingsSet].
type UserSettingsChange struct {
	Receipts  *bool                `json:"receipts,omitempty"`
	Presence  *bool                `json:"presence,omitempty"`
	Hide      *wire.Hide           `json:"hide,omitempty" doc:"At most 20 companies"`
	Insight   *bool                `json:"insight,omitempty"`
	Notices   *map[string][]string `json:"notices,omitempty"`
	Reminders *[]string            `json:"reminders,omitempty"`
	Quiet     *wire.Quiet          `json:"quiet,omitempty"`
	Greetings *[]string            `json:"greetings,omitempty" doc:"At most 20, each of 500 bytes at most"`
	Replies   *[]string            `json:"replies,omitempty" doc:"As greetings"`
}

// UserBlock is a user or a company that somebody blocks.
type UserBlock struct {
	User         string    `json:"user,omitempty" example:"u-1001"`
	Company      string    `json:"company,omitempty" example:"c-3"`
	Conversation string    `json:"conversation" doc:"Where it was done; empty when the platform did it"`
	Since        time.Time `json:"since"`
}

// UserQuota is how many conversations a recruiter or headhunter may start.
type UserQuota struct {
	Limit  int       `json:"limit" doc:"A day of Asia/Shanghai"`
	Left   int       `json:"left"`
	Warn   bool      `json:"warn,omitempty" doc:"Ten or fewer are left; the user is told"`
	Resets time.Time `json:"resets" doc:"When the next day begins"`
}

// OfUser names whom a request is about.
type OfUser struct {
	User string `path:"user" minLength:"1" maxLength:"128" doc:"User id, the same as sub in tokens"`
}

type changeSettings struct {
	OfUser
	Body UserSettingsChange
}

type shownSettings struct {
	CacheControl string `header:"Cache-Control"`
	Body         UserSettings
}

type addBlock struct {
	OfUser
	Body struct {
		User         string `json:"user,omitempty" maxLength:"128" doc:"This user"`
		Company      string `json:"company,omitempty" maxLength:"128" doc:"Or everybody of this company"`
		Conversation string `json:"conversation,omitempty" maxLength:"64" doc:"What the user's client is told as the place where it was done"`
	}
}

type deleteBlock struct {
	OfUser
	Blocked string `query:"user" maxLength:"128" doc:"This user"`
	Company string `query:"company" maxLength:"128" doc:"Or this company"`
}

type shownBlocks struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Blocks []UserBlock `json:"blocks" doc:"The newest first"`
	}
}

type setLimit struct {
	OfUser
	Body struct {
		Limit *int `json:"limit,omitempty" minimum:"0" maximum:"100000" doc:"Absent: the number that everybody has"`
	}
}

type shownQuota struct {
	CacheControl string `header:"Cache-Control"`
	Body         UserQuota
}

// person is an operation on a user.
func person(id, method, path, summary, description string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: "/v1/people/{user}" + path, Summary: summary, Description: description,
		Errors: []int{http.StatusGone}}
	if method == http.MethodPut {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge)
	}
	return op
}

func (a *API) people() {
	secured(a, identity.PeopleManage, person("get-user-settings", http.MethodGet, "/settings", "A user's settings",
		"What a user set, or the defaults. 410 (gone) for an account that is closed, here and below."), a.userSettings)
	secured(a, identity.PeopleManage, person("set-user-settings", http.MethodPut, "/settings", "Change a user's settings",
		"Replaces the settings that are there and leaves the others. The user's sessions are told."), a.setUserSettings)
	secured(a, identity.PeopleManage, person("list-user-blocks", http.MethodGet, "/blocks", "Whom a user blocks", ""), a.userBlocks)
	secured(a, identity.PeopleManage, person("add-user-block", http.MethodPost, "/blocks", "Block for a user",
		"From now on the other, or everybody of the company, can't write to the user and opens no conversation with them; they get the answers for a closed account. Repeating it changes nothing."), a.addUserBlock)
	secured(a, identity.PeopleManage, person("delete-user-block", http.MethodDelete, "/blocks", "Take a user's block back", ""), a.deleteUserBlock)
	secured(a, identity.PeopleManage, person("get-user-quota", http.MethodGet, "/quota", "A user's first contacts today",
		"How many conversations the user, as a recruiter or headhunter, may still start today. Opening a conversation with its starter counts; beyond the limit it is refused (quota_exhausted)."), a.userQuota)
	secured(a, identity.PeopleManage, person("set-user-quota", http.MethodPut, "/quota", "Set a user's limit of first contacts",
		"It holds at once, and tomorrow. The user's sessions are told."), a.setUserQuota)
	secured(a, identity.PeopleManage, person("close-user", http.MethodPost, "/close", "Close a user's account",
		"For ever: the user's tokens are taken back and live sessions end, what the user set is erased, and nobody can write to the user or open a conversation with them. What was said stays where it is. Repeating it does no harm."), a.closeUser)
}

// managed writes down what is about to be done for a user (A3).
func (a *API) managed(ctx context.Context, p identity.Principal, user, what string, detail ...string) error {
	return a.Audit.Record(ctx, p, string(identity.PeopleManage), "user/"+user, append([]string{"what", what}, detail...)...)
}

func (a *API) userSettings(ctx context.Context, p identity.Principal, in *OfUser) (*shownSettings, error) {
	return settingsShown(a.People.SettingsOf(ctx, p, identity.UserID(in.User)))
}

func (a *API) setUserSettings(ctx context.Context, p identity.Principal, in *changeSettings) (*shownSettings, error) {
	if err := a.managed(ctx, p, in.User, "settings"); err != nil {
		return nil, err
	}
	return settingsShown(a.People.SetOf(ctx, p, identity.UserID(in.User), wire.SettingsSet(in.Body)))
}

func settingsShown(s wire.Settings, err error) (*shownSettings, error) {
	if err != nil {
		return nil, err
	}
	return &shownSettings{CacheControl: "no-store", Body: UserSettings(s)}, nil
}

func (a *API) userBlocks(ctx context.Context, p identity.Principal, in *OfUser) (*shownBlocks, error) {
	list, err := a.People.BlocksOf(ctx, p, identity.UserID(in.User))
	if err != nil {
		return nil, err
	}
	out := &shownBlocks{CacheControl: "no-store"}
	out.Body.Blocks = make([]UserBlock, len(list.Blocks))
	for i, b := range list.Blocks {
		out.Body.Blocks[i] = UserBlock(b)
	}
	return out, nil
}

func (a *API) addUserBlock(ctx context.Context, p identity.Principal, in *addBlock) (*struct{}, error) {
	b := wire.Blocked{User: in.Body.User, Company: in.Body.Company, Conversation: in.Body.Conversation}
	return nil, a.changeBlock(ctx, p, in.User, b, false)
}

func (a *API) deleteUserBlock(ctx context.Context, p identity.Principal, in *deleteBlock) (*struct{}, error) {
	return nil, a.changeBlock(ctx, p, in.User, wire.Blocked{User: in.Blocked, Company: in.Company}, true)
}

func (a *API) changeBlock(ctx context.Context, p identity.Principal, user string, b wire.Blocked, off bool) error {
	if (b.User == "") == (b.Company == "") {
		return policy.ErrBadRequest.With("Name either a user or a company.", "请只填写用户或公司中的一项。")
	}
	what := "block"
	if off {
		what = "unblock"
	}
	if err := a.managed(ctx, p, user, what, "user", b.User, "company", b.Company); err != nil {
		return err
	}
	return a.People.BlockOf(ctx, p, identity.UserID(user), b, off)
}

func (a *API) userQuota(ctx context.Context, p identity.Principal, in *OfUser) (*shownQuota, error) {
	return quotaShown(a.People.QuotaOf(ctx, p, identity.UserID(in.User)))
}

func (a *API) setUserQuota(ctx context.Context, p identity.Principal, in *setLimit) (*shownQuota, error) {
	if err := a.managed(ctx, p, in.User, "quota"); err != nil {
		return nil, err
	}
	return quotaShown(a.People.LimitOf(ctx, p, identity.UserID(in.User), in.Body.Limit))
}

func quotaShown(q wire.Quota, err error) (*shownQuota, error) {
	if err != nil {
		return nil, err
	}
	return &shownQuota{CacheControl: "no-store", Body: UserQuota(q)}, nil
}

// closeUser writes it down, closes the account for good, then takes back the tokens and ends what is open. A crash in between
// leaves at most sessions that can't write; repeating the request completes it.
func (a *API) closeUser(ctx context.Context, p identity.Principal, in *OfUser) (*struct{}, error) {
	if err := a.managed(ctx, p, in.User, "close"); err != nil {
		return nil, err
	}
	user := identity.UserID(in.User)
	if err := a.People.Close(ctx, p, user); err != nil {
		return nil, err
	}
	r := identity.Revocation{User: user, Before: a.Now()}
	if err := a.Revoker.Revoke(ctx, r); err != nil {
		return nil, err
	}
	a.Grants.Drop(r)
	a.Sessions.Drop(r)
	return nil, nil
}
