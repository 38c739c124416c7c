package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/policy"
)

// Problem is how the API says no (RFC 9457, with members of its own).
type Problem struct {
	Title  string            `json:"title" doc:"The HTTP status in words" example:"Not Found"`
	Status int               `json:"status" example:"404"`
	ID     string            `json:"id" doc:"Stable identifier to act upon" example:"not_found"`
	Text   map[string]string `json:"text" doc:"What to tell a person, by language: zh and en" example:"{\"zh\":\"没有找到。\",\"en\":\"Not found.\"}"`
	Retry  bool              `json:"retry,omitempty" doc:"The same request may succeed later"`
	Fields []Field           `json:"fields,omitempty" doc:"Which parts of the request are wrong"`

	after time.Duration
}

// Field names a part of a request and what is wrong with it, never its value.
type Field struct {
	Where string `json:"where" example:"body.members[0].user"`
	Why   string `json:"why" doc:"For a developer, in English" example:"expected required property family_name to be present"`
}

func problem(r *policy.Refusal) *Problem {
	return &Problem{
		Title: http.StatusText(r.Status), Status: r.Status, ID: r.ID,
		Text: r.Texts(), Retry: r.Retry, after: r.RetryAfter,
	}
}

// Error is the English text.
func (p *Problem) Error() string { return p.ID + ": " + p.Text["en"] }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders are those that go with the refusal.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.after.Seconds()))))
	}
	return h
}

// write answers with the problem outside of huma's handlers.
func (p *Problem) write(w http.ResponseWriter) {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked is gone
}

// refusals is what huma itself refuses, by status; every other one of its errors means a request that makes no sense.
var refusals = map[int]*policy.Refusal{
	http.StatusRequestEntityTooLarge: policy.ErrTooLarge,
	http.StatusNotFound:              policy.ErrNotFound,
	http.StatusInternalServerError:   policy.ErrInternal,
}

// init makes huma's own errors (a body that does not fit its schema) problems too; the library has no other place for
// it. Values are left out: they may be names.
func init() {
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		r, ok := refusals[status]
		if !ok {
			r = policy.ErrBadRequest
		}
		p := problem(r)
		for _, err := range errs {
			var detail huma.ErrorDetailer
			if errors.As(err, &detail) {
				d := detail.ErrorDetail()
				p.Fields = append(p.Fields, Field{Where: d.Location, Why: why(d.Message)})
			}
		}
		return p
	}
}

// why is what the library says, but for a type of content, which it repeats without naming the right one.
func why(message string) string {
	if strings.HasPrefix(message, huma.ErrUnknownContentType.Error()) {
		return "send it as JSON, with Content-Type: application/json"
	}
	return message
}

// refuse is the one mapper from errors to answers: a refusal is told, anything else is logged here, once, and told as
// internal.
func (a *API) refuse(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var r *policy.Refusal
	if errors.As(err, &r) {
		return problem(r)
	}
	if ctx.Err() != nil {
		return problem(policy.ErrUnavailable)
	}
	a.log.ErrorContext(ctx, "request failed", slog.Any("err", err))
	return problem(policy.ErrInternal)
}
