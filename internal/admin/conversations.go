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
	Key     string      `json:"key" minLength:"1" maxLength:"200" doc:"The platform's own id of it; opening again with the same key returns the same conversation" example:"application-4711"`
	Title   string      `json:"title,omitempty" maxLength:"300" doc:"The job it is about" example:"后端工程师"`
	Starter string      `json:"starter,omitempty" maxLength:"128" doc:"The member who wants to talk; left out when it is the platform itself. A first contact counts against the starter's quota of the day, a candidate may start with recruiters only, and a candidate who hides from the starter is not found" example:"u-1001"`
	Members []NewMember `json:"members" minItems:"2" maxItems:"8" doc:"One candidate, and one or more recruiters or headhunters"`
}

// NewMember is one side of it.
type NewMember struct {
	User       string `json:"user" minLength:"1" maxLength:"128" doc:"User id, the same as sub in tokens" example:"u-2002"`
	Role       string `json:"role" enum:"candidate,recruiter,headhunter" doc:"As in the tokens with which this person comes to the conversation" example:"candidate"`
	FamilyName string `json:"family_name" maxLength:"200" doc:"Of a candidate all that the other side sees before disclosure" example:"李"`
	GivenName  string `json:"given_name" maxLength:"200" doc:"Of a candidate hidden from the other side before disclosure" example:"晓明"`
	Company    string `json:"company,omitempty" maxLength:"300" doc:"Of a recruiter or headhunter, as shown" example:"示例科技"`
	CompanyID  string `json:"company_id,omitempty" maxLength:"128" doc:"Of a recruiter or headhunter, as in company of their tokens; a candidate who hides from any company hides from one without it" example:"c-3"`
}

type openConversation struct {
	Body NewConversation
}

type openedConversation struct {
	Status int
	Body   struct {
		ID      string `json:"id" doc:"What interviews and the protocol call it" example:"0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"`
		Key     string `json:"key" example:"application-4711"`
		Created bool   `json:"created" doc:"By this request; false when the key was in use"`
	}
}

func (a *API) conversations() {
	secured(a, identity.ConversationOpen, huma.Operation{
		OperationID: "open-conversation", Method: http.MethodPost, Path: "/v1/conversations", DefaultStatus: http.StatusCreated,
		Summary: "Open a conversation", Description: "For the platform's backend (role service), which says who wants to meet whom. Who hides from the starter, or closed the account, is not found; with no first contact left the answer is quota_exhausted. A key that is in use for the same members answers 200, for others 409 (conflict).",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, a.openConversation)
}

func (a *API) openConversation(ctx context.Context, p identity.Principal, in *openConversation) (*openedConversation, error) {
	n := chat.NewConversation{Key: in.Body.Key, Title: in.Body.Title, Starter: identity.UserID(in.Body.Starter)}
	for _, m := range in.Body.Members {
		n.Members = append(n.Members, chat.NewMember{
			User: identity.UserID(m.User), Role: identity.Role(m.Role),
			FamilyName: m.FamilyName, GivenName: m.GivenName, Company: m.Company, CompanyID: identity.CompanyID(m.CompanyID),
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
