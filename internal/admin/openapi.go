package admin

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/policy"
)

// tokens tells a platform's backend what to sign.
const tokens = "A JWT that the platform signed: EdDSA, ES256 or RS256 by a key of its JWKS, or HS256 by an API secret; kid in the header names the key. " +
	"Claims of every token: sub (user id), role (candidate, recruiter, headhunter, viewer, support, approver, operator or service), jti, iat, exp; " +
	"iss and aud where the server is told to ask for them. Candidates, recruiters, headhunters and viewers: age (\"18+\", or \"16-17\" with guardian true). " +
	"Recruiters and headhunters: company, and att.exp (until when name and employment are attested, Unix seconds). Staff: amr with at least two factors. " +
	"For development, parley token mints one."

// init makes arrays in the description what they are: lists, never null. The library has no other place for it.
func init() { huma.DefaultArrayNullable = false }

// strict are the bodies that may hold nothing unknown: what somebody misspells there would be silently without effect.
var strict = []string{
	"NewConversation", "NewMember", "OpenInterviewBody", "RevokeBody",
	"UserSettingsChange", "AddBlockBody", "SetLimitBody", "SetSilenceBody", "CloseReportBody", "SendNoticeBody",
}

// finish brings the description in line with what the library can't know: that a request which fits no schema is
// a 400 here, not a 422; how a conversation that was there already is answered; and that answers may grow.
func (a *API) finish() {
	doc := a.huma.OpenAPI()
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				delete(op.Responses, "422")
			}
		}
	}
	opened := doc.Paths["/v1/conversations"].Post.Responses
	opened["201"].Description = "Opened"
	opened["200"] = &huma.Response{Description: "The key was in use: this is the conversation it names", Content: opened["201"].Content}

	schemas := doc.Components.Schemas.Map()
	for name, s := range schemas {
		if !slices.Contains(strict, name) {
			s.AdditionalProperties = nil // a client ignores what it does not know
		}
	}
	var ids []string
	for _, r := range policy.Refusals {
		ids = append(ids, r.ID)
	}
	id := schemas["Problem"].Properties["id"]
	id.Description += ". So far: " + strings.Join(ids, ", ")
}
