package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
)

// Directory shows conversations to the platform's backend, never what was said in them.
type Directory interface {
	Show(ctx context.Context, p identity.Principal, id chat.ConversationID) (chat.Conversation, error)
	Of(ctx context.Context, p identity.Principal, user identity.UserID) ([]chat.Conversation, error)
	Say(ctx context.Context, p identity.Principal, id chat.ConversationID, cid chat.ClientID, text map[string]string) (chat.Ack, error)
}

// Conversation is a conversation as the platform sees it.
type Conversation struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Opened  time.Time `json:"opened"`
	Head    uint64    `json:"head" doc:"The last seq: how many entries there are"`
	Members []Member  `json:"members"`
}

// Member is one side of it.
type Member struct {
	User      string `json:"user"`
	Role      string `json:"role"`
	Company   string `json:"company,omitempty"`
	Disclosed bool   `json:"disclosed" doc:"The candidate let the others see the full name"`
	Delivered uint64 `json:"delivered"`
	Read      uint64 `json:"read"`
}

type (
	conversationPath struct {
		ID string `path:"id" maxLength:"64"`
	}
	shownConversation struct {
		Body Conversation
	}
	listConversations struct {
		User string `query:"user" required:"true" minLength:"1" maxLength:"128" doc:"Whose"`
	}
	listedConversations struct {
		Body struct {
			Conversations []Conversation `json:"conversations" doc:"Last active first, at most 300"`
		}
	}
	postMessage struct {
		ID   string `path:"id" maxLength:"64"`
		Body struct {
			CID string `json:"cid" minLength:"1" maxLength:"40" doc:"The platform's own id of the message: repeating it posts nothing" example:"offer-4711"`
			Zh  string `json:"zh" minLength:"1" maxLength:"2000" example:"该职位已暂停招聘。"`
			En  string `json:"en" minLength:"1" maxLength:"2000" example:"This position is paused."`
		}
	}
	postedMessage struct {
		Status int
		Body   struct {
			Seq  uint64    `json:"seq"`
			Time time.Time `json:"time"`
			Dup  bool      `json:"dup" doc:"It was there before this request"`
		}
	}
)

func (a *API) directory() {
	secured(a, identity.ConversationList, huma.Operation{
		OperationID: "get-conversation", Method: http.MethodGet, Path: "/v1/conversations/{id}",
		Summary: "A conversation and its members", Description: "Without anything that was said, and without names.", Errors: []int{http.StatusNotFound},
	}, a.getConversation)
	secured(a, identity.ConversationList, huma.Operation{
		OperationID: "list-conversations", Method: http.MethodGet, Path: "/v1/conversations", Summary: "A user's conversations",
	}, a.listConversations)
	secured(a, identity.ChatPost, huma.Operation{
		OperationID: "post-message", Method: http.MethodPost, Path: "/v1/conversations/{id}/messages", DefaultStatus: http.StatusCreated,
		Summary: "Say something as the system", Description: "An entry of the log that all members see, in their language. Repeating a cid answers 200 with its place.",
		Errors: []int{http.StatusNotFound},
	}, a.postMessage)
}

func conversationOf(c chat.Conversation) Conversation {
	out := Conversation{ID: string(c.ID), Title: c.Title, Opened: c.Opened, Head: c.Head, Members: make([]Member, len(c.Members))}
	for i, m := range c.Members {
		out.Members[i] = Member{User: string(m.User), Role: string(m.Role), Company: m.Company, Disclosed: m.Disclosed, Delivered: m.Delivered, Read: m.Read}
	}
	return out
}

func (a *API) getConversation(ctx context.Context, p identity.Principal, in *conversationPath) (*shownConversation, error) {
	c, err := a.Directory.Show(ctx, p, chat.ConversationID(in.ID))
	if err != nil {
		return nil, err
	}
	return &shownConversation{Body: conversationOf(c)}, nil
}

func (a *API) listConversations(ctx context.Context, p identity.Principal, in *listConversations) (*listedConversations, error) {
	list, err := a.Directory.Of(ctx, p, identity.UserID(in.User))
	if err != nil {
		return nil, err
	}
	out := &listedConversations{}
	out.Body.Conversations = make([]Conversation, len(list))
	for i, c := range list {
		out.Body.Conversations[i] = conversationOf(c)
	}
	return out, nil
}

func (a *API) postMessage(ctx context.Context, p identity.Principal, in *postMessage) (*postedMessage, error) {
	ack, err := a.Directory.Say(ctx, p, chat.ConversationID(in.ID), chat.ClientID(in.Body.CID), map[string]string{policy.Languages[0]: in.Body.Zh, policy.Languages[1]: in.Body.En})
	if err != nil {
		return nil, err
	}
	out := &postedMessage{Status: http.StatusCreated}
	if ack.Dup {
		out.Status = http.StatusOK
	}
	out.Body.Seq, out.Body.Time, out.Body.Dup = ack.Seq, ack.Time, ack.Dup
	return out, nil
}
