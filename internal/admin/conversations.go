package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
	"parley/internal/identity"
)

// NewConversation is a conversation that the platform opens.
type NewConversation struct {
	Key     string      `json:"key" minLength:"1" maxLength:"200" doc:"The platform's own id of it; opening again with the same key returns the same conversation"`
	Title   string      `json:"title,omitempty" maxLength:"300" doc:"The job it is about"`
	Members []NewMember `json:"members" minItems:"2" maxItems:"8" doc:"One candidate, and one or more recruiters or headhunters"`
}

// NewMember is one side of it.
type NewMember struct {
	User       string `json:"user" minLength:"1" maxLength:"128" doc:"User id, the same as sub in tokens"`
	Role       string `json:"role" enum:"candidate,recruiter,headhunter"`
	FamilyName string `json:"family_name" maxLength:"200" doc:"Of a candidate all that the other side sees before disclosure"`
	GivenName  string `json:"given_name" maxLength:"200"`
	Company    string `json:"company,omitempty" maxLength:"300" doc:"Of a recruiter or headhunter, as shown"`
}

type openConversation struct {
	Body NewConversation
}

type openedConversation struct {
	Status int
	Body   struct {
		ID      string `json:"id"`
		Key     string `json:"key"`
		Created bool   `json:"created" doc:"By this request; false when the key was in use"`
	}
}

func (a *API) conversations() {
	secured(a, identity.ConversationOpen, huma.Operation{
		OperationID: "open-conversation", Method: http.MethodPost, Path: "/v1/conversations", DefaultStatus: http.StatusCreated,
		Summary: "Open a conversation", Description: "For the platform's backend (role service), which decides who may meet.",
		Errors: []int{http.StatusConflict},
	}, a.openConversation)
}

func (a *API) openConversation(ctx context.Context, p identity.Principal, in *openConversation) (*openedConversation, error) {
	n := chat.NewConversation{Key: in.Body.Key, Title: in.Body.Title}
	for _, m := range in.Body.Members {
		n.Members = append(n.Members, chat.NewMember{
			User: identity.UserID(m.User), Role: identity.Role(m.Role),
			FamilyName: m.FamilyName, GivenName: m.GivenName, Company: m.Company,
		})
	}
	c, err := a.Conversations.Open(ctx, p, n)
	if err != nil {
		return nil, err
	}
	out := &openedConversation{Status: http.StatusCreated}
	if !c.Created {
		out.Status = http.StatusOK
	}
	out.Body.ID, out.Body.Key, out.Body.Created = string(c.ID), n.Key, c.Created
	return out, nil
}
