package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/policy"
	"parley/signal/wire"
)

type textVersion struct {
	Version string `path:"version" maxLength:"100" example:"interview-recording@1"`
}

type shownText struct {
	CacheControl string `header:"Cache-Control"`
	Body         wire.Text
}

// texts serves the notices to everybody: one reads before one agrees (R6).
func (a *API) texts() {
	public(a, huma.Operation{
		OperationID: "get-text", Method: http.MethodGet, Path: "/v1/texts/{version}",
		Summary: "Read a notice", Description: "One version of a text that people agree to. It never changes.",
		Errors: []int{http.StatusNotFound},
	}, a.text)
}

func (a *API) text(_ context.Context, in *textVersion) (*shownText, error) {
	t, ok := a.Texts.Get(in.Version)
	if !ok {
		return nil, policy.ErrNotFound
	}
	return &shownText{CacheControl: "public, max-age=86400", Body: wire.Text{
		Version: t.Version, Purpose: string(t.Purpose), Title: t.Title, Body: t.Body, RetentionMonths: t.RetentionMonths,
	}}, nil
}
