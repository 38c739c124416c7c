package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/identity"
	"parley/internal/notice"
)

// Notices decides what the platform may send to whom.
type Notices interface {
	Send(ctx context.Context, p identity.Principal, n notice.Notice) (notice.Decision, error)
}

type sendNotice struct {
	Body struct {
		ID       string   `json:"id" minLength:"1" maxLength:"128" doc:"Your own id of the notice to this user; a repeat is the same notice" example:"spring-fair-2026/u-2002"`
		User     string   `json:"user" minLength:"1" maxLength:"128" example:"u-2002"`
		Class    string   `json:"class" enum:"marketing,recommendation,service" doc:"Service notices can't be switched off and know no quiet hours"`
		Channels []string `json:"channels" minItems:"1" maxItems:"3" uniqueItems:"true" enum:"push,sms,mail"`
	}
}

// NoticeDecision is what becomes of a notice.
type NoticeDecision struct {
	Channels []string  `json:"channels" doc:"By which it goes out: one event notice.send of the webhook for each, when its time has come"`
	Refused  []string  `json:"refused" doc:"By which the user wants no notices of this class"`
	Until    time.Time `json:"until,omitzero" doc:"It waits for the end of the user's quiet hours; what the user switches off by then is not sent"`
}

type decidedNotice struct {
	Body NoticeDecision
}

func (a *API) notices() {
	secured(a, identity.NoticeSend, huma.Operation{
		OperationID: "send-notice", Method: http.MethodPost, Path: "/v1/notices", DefaultStatus: http.StatusAccepted,
		Summary: "Send a notice as far as the user wants it",
		Description: "Asks before you send something: what the user switched off, by class and channel, is left out, and quiet hours are waited for. " +
			"What is left comes back to your webhook as notice.send, with your id; what the notice says stays with you.",
		Errors: []int{http.StatusConflict},
	}, a.sendNotice)
}

func (a *API) sendNotice(ctx context.Context, p identity.Principal, in *sendNotice) (*decidedNotice, error) {
	b := in.Body
	d, err := a.Notices.Send(ctx, p, notice.Notice{ID: b.ID, User: identity.UserID(b.User), Class: notice.Class(b.Class), Channels: b.Channels})
	if err != nil {
		return nil, err
	}
	out := &decidedNotice{NoticeDecision{Channels: d.Channels, Refused: d.Refused, Until: d.Until}}
	for _, list := range []*[]string{&out.Body.Channels, &out.Body.Refused} {
		if *list == nil {
			*list = []string{}
		}
	}
	return out, nil
}
