package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat/crowd"
	"parley/internal/identity"
	"parley/signal/wire"
)

// Crowds are the rooms of thousands.
type Crowds interface {
	Open(ctx context.Context, p identity.Principal, key, title string, slow time.Duration) (crowd.Room, error)
	Change(ctx context.Context, p identity.Principal, id crowd.RoomID, slow *time.Duration, shut bool) (crowd.Room, error)
	SetPerson(ctx context.Context, p identity.Principal, id crowd.RoomID, n crowd.NewPerson) error
	Post(ctx context.Context, p identity.Principal, id crowd.RoomID, cid string, c wire.SystemContent) (crowd.Placed, error)
}

// Crowd is a room of thousands.
type Crowd struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Title string `json:"title"`
	Open  bool   `json:"open"`
	Slow  int    `json:"slow_seconds" doc:"Between two entries of one person"`
}

type (
	openCrowd struct {
		Body struct {
			Key   string `json:"key" minLength:"1" maxLength:"200" doc:"The platform's own id of it; opening again with the same key returns the same room" example:"spring-2026"`
			Title string `json:"title,omitempty" maxLength:"300" doc:"Not a secret"`
			Slow  int    `json:"slow_seconds,omitempty" minimum:"0" maximum:"120"`
		}
	}
	changeCrowd struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			Slow  *int `json:"slow_seconds,omitempty" minimum:"0" maximum:"120"`
			Close bool `json:"close,omitempty" doc:"For good"`
		}
	}
	shownCrowd struct {
		Body Crowd
	}
	setCrowdPerson struct {
		ID   string `path:"id" maxLength:"64"`
		User string `path:"user" maxLength:"128"`
		Body struct {
			FamilyName string    `json:"family_name,omitempty" maxLength:"200" doc:"All that others see of who is no host"`
			GivenName  string    `json:"given_name,omitempty" maxLength:"200"`
			Host       bool      `json:"host,omitempty" doc:"Shown in full and first; no slow mode"`
			Muted      time.Time `json:"muted_until,omitzero" doc:"Says nothing until then"`
		}
	}
	sayToCrowd struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			CID string `json:"cid" minLength:"1" maxLength:"64" doc:"The platform's own id of it: repeating it says nothing"`
			Zh  string `json:"zh" minLength:"1" maxLength:"600"`
			En  string `json:"en" minLength:"1" maxLength:"600"`
		}
	}
	saidToCrowd struct {
		Body struct {
			Seq uint64 `json:"seq"`
			Dup bool   `json:"dup" doc:"It was there before this request"`
		}
	}
)

func (a *API) crowds() {
	secured(a, identity.CrowdManage, huma.Operation{
		OperationID: "open-crowd", Method: http.MethodPost, Path: "/v1/crowds", Summary: "Open a room for thousands",
		Description: "Sessions join it by crowd.join (PROTOCOL.md). What is said is kept (E3).",
	}, a.openCrowd)
	secured(a, identity.CrowdManage, huma.Operation{
		OperationID: "change-crowd", Method: http.MethodPatch, Path: "/v1/crowds/{id}", Summary: "Set slow mode, or close the room",
		Description: "What is left out stays. Who is in the room is told. A closed room is not opened again; in it nothing can be said (gone).",
		Errors:      []int{http.StatusNotFound},
	}, a.changeCrowd)
	secured(a, identity.CrowdManage, huma.Operation{
		OperationID: "set-crowd-person", Method: http.MethodPut, Path: "/v1/crowds/{id}/people/{user}", Summary: "Say who somebody in the room is, or mute them",
		Description:   "In place of all that was said of them before: to mute somebody, send the name and host as well. Who was never named can speak all the same, without a name.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound},
	}, a.setCrowdPerson)
	secured(a, identity.CrowdManage, huma.Operation{
		OperationID: "say-to-crowd", Method: http.MethodPost, Path: "/v1/crowds/{id}/messages", Summary: "Say something to the room as the system",
		Errors: []int{http.StatusNotFound},
	}, a.sayToCrowd)
}

func shownRoom(r crowd.Room) *shownCrowd {
	return &shownCrowd{Body: Crowd{ID: string(r.ID), Key: r.Key, Title: r.Title, Open: r.Open(), Slow: int(r.Slow.Seconds())}}
}

func (a *API) openCrowd(ctx context.Context, p identity.Principal, in *openCrowd) (*shownCrowd, error) {
	r, err := a.Crowds.Open(ctx, p, in.Body.Key, in.Body.Title, time.Duration(in.Body.Slow)*time.Second)
	if err != nil {
		return nil, err
	}
	return shownRoom(r), nil
}

func (a *API) changeCrowd(ctx context.Context, p identity.Principal, in *changeCrowd) (*shownCrowd, error) {
	var slow *time.Duration
	if in.Body.Slow != nil {
		d := time.Duration(*in.Body.Slow) * time.Second
		slow = &d
	}
	r, err := a.Crowds.Change(ctx, p, crowd.RoomID(in.ID), slow, in.Body.Close)
	if err != nil {
		return nil, err
	}
	return shownRoom(r), nil
}

func (a *API) setCrowdPerson(ctx context.Context, p identity.Principal, in *setCrowdPerson) (*struct{}, error) {
	return nil, a.Crowds.SetPerson(ctx, p, crowd.RoomID(in.ID), crowd.NewPerson{
		User: identity.UserID(in.User), FamilyName: in.Body.FamilyName, GivenName: in.Body.GivenName, Host: in.Body.Host, MutedUntil: in.Body.Muted,
	})
}

func (a *API) sayToCrowd(ctx context.Context, p identity.Principal, in *sayToCrowd) (*saidToCrowd, error) {
	placed, err := a.Crowds.Post(ctx, p, crowd.RoomID(in.ID), in.Body.CID,
		wire.SystemContent{Code: "message", Text: map[string]string{"zh": in.Body.Zh, "en": in.Body.En}})
	if err != nil {
		return nil, err
	}
	out := &saidToCrowd{}
	out.Body.Seq, out.Body.Dup = placed.Seq, placed.Dup
	return out, nil
}
