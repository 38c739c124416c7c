package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/interview"
	"parley/signal/wire"
)

// Interviews opens interviews and shows them to those invited; to all others they don't exist.
type Interviews interface {
	Open(ctx context.Context, p identity.Principal, s interview.Spec) (wire.Interview, error)
	View(ctx context.Context, p identity.Principal, id interview.ID) (wire.Interview, error)
}

type openInterview struct {
	Body struct {
		Conversation string `json:"conversation" minLength:"1" maxLength:"64" doc:"Its id, from open-conversation" example:"0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"`
		Key          string `json:"key,omitempty" maxLength:"200" doc:"The platform's own id of it; opening again with the same key returns the same interview" example:"interview-4711-1"`
	}
}

type openedInterview struct {
	Body wire.Interview
}

func (a *API) interviews() {
	secured(a, identity.InterviewOpen, huma.Operation{
		OperationID: "open-interview", Method: http.MethodPost, Path: "/v1/interviews",
		Summary:     "Open an interview",
		Description: "Of a conversation's members, for the platform's backend or the recruiter. While one is open or live in the conversation, that one is the answer. Joining, consent and media go over the WebSocket.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, a.openInterview)
}

func (a *API) openInterview(ctx context.Context, p identity.Principal, in *openInterview) (*openedInterview, error) {
	i, err := a.Interviews.Open(ctx, p, interview.Spec{
		Conversation: chat.ConversationID(in.Body.Conversation), Key: in.Body.Key,
	})
	if err != nil {
		return nil, err
	}
	return &openedInterview{Body: i}, nil
}
