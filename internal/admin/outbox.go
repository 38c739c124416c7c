package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/identity"
	"parley/internal/outbox"
	"parley/internal/policy"
)

// Outbox lists events that were given up and has them delivered again.
type Outbox interface {
	Dead(ctx context.Context, after outbox.EventID, limit int) ([]outbox.DeadLetter, error)
	Replay(ctx context.Context, id outbox.EventID) (bool, error)
	ReplayAll(ctx context.Context) (int, error)
}

// DeadLetter is an event that the webhook's target did not take. Who sent an entry is left out: nobody needs it to replay it.
type DeadLetter struct {
	ID           string    `json:"id"`
	Kind         string    `json:"kind" example:"conversation.entry"`
	At           time.Time `json:"at" doc:"When what it tells of happened"`
	Conversation string    `json:"conversation,omitempty"`
	Seq          uint64    `json:"seq,omitempty"`
	Type         string    `json:"type,omitempty"`
	Interview    string    `json:"interview,omitempty"`
	Recording    string    `json:"recording,omitempty"`
	Attempts     int       `json:"attempts" doc:"How often it was tried"`
	Reason       string    `json:"reason" doc:"Why the last try failed" example:"status 5xx"`
	Died         time.Time `json:"died" doc:"When it was given up; 30 days later it is deleted"`
}

type listDead struct {
	After string `query:"after" maxLength:"64" doc:"The last id of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type shownDead struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Events []DeadLetter `json:"events" doc:"Oldest first"`
		Next   string       `json:"next,omitempty" doc:"What to send as after for the next page; absent on the last"`
	}
}

type replayOne struct {
	ID string `path:"id" maxLength:"64"`
}

type replayed struct {
	Body struct {
		Replayed int `json:"replayed" doc:"How many will be delivered again"`
	}
}

func (a *API) deadLetters() {
	secured(a, identity.OutboxRead, huma.Operation{
		OperationID: "list-dead-letters", Method: http.MethodGet, Path: "/v1/outbox/dead",
		Summary: "Events the webhook did not take", Description: "After its last try an event is a dead letter, until it is replayed or 30 days have passed.",
	}, a.listDead)
	secured(a, identity.OutboxReplay, huma.Operation{
		OperationID: "replay-dead-letter", Method: http.MethodPost, Path: "/v1/outbox/dead/{id}/replay", DefaultStatus: http.StatusNoContent,
		Summary: "Deliver one again", Description: "As if it had never been tried, with the same id and body.",
		Errors: []int{http.StatusNotFound},
	}, a.replay)
	secured(a, identity.OutboxReplay, huma.Operation{
		OperationID: "replay-dead-letters", Method: http.MethodPost, Path: "/v1/outbox/dead/replay",
		Summary: "Deliver all again", Description: "All that are dead at this moment. Repeating it after an error does no harm.",
	}, a.replayAll)
}

func (a *API) listDead(ctx context.Context, _ identity.Principal, in *listDead) (*shownDead, error) {
	letters, err := a.Outbox.Dead(ctx, outbox.EventID(in.After), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &shownDead{CacheControl: "no-store"}
	out.Body.Events = []DeadLetter{}
	for _, l := range letters {
		e := l.Event
		out.Body.Events = append(out.Body.Events, DeadLetter{
			ID: string(e.ID), Kind: string(e.Kind), At: e.At, Conversation: e.Conversation, Seq: e.Seq, Type: e.Type,
			Interview: e.Interview, Recording: e.Recording, Attempts: l.Attempts, Reason: l.Reason, Died: l.Died,
		})
	}
	if len(letters) == in.Limit {
		out.Body.Next = string(letters[len(letters)-1].Event.ID)
	}
	return out, nil
}

// replay is written down before it happens (A3): it sends something out of the server once more.
func (a *API) replay(ctx context.Context, p identity.Principal, in *replayOne) (*struct{}, error) {
	if err := a.Audit.Record(ctx, p, string(identity.OutboxReplay), "event/"+in.ID); err != nil {
		return nil, err
	}
	ok, err := a.Outbox.Replay(ctx, outbox.EventID(in.ID))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, policy.ErrNotFound
	}
	return nil, nil
}

func (a *API) replayAll(ctx context.Context, p identity.Principal, _ *struct{}) (*replayed, error) {
	if err := a.Audit.Record(ctx, p, string(identity.OutboxReplay), "event/*"); err != nil {
		return nil, err
	}
	n, err := a.Outbox.ReplayAll(ctx)
	if err != nil {
		return nil, err
	}
	out := &replayed{}
	out.Body.Replayed = n
	return out, nil
}
