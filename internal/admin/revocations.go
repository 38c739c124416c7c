package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/identity"
	"parley/internal/policy"
)

type revoke struct {
	Body struct {
		User   string `json:"user,omitempty" maxLength:"128" doc:"All tokens of this user issued until now; live sessions end"`
		Token  string `json:"token,omitempty" maxLength:"128" doc:"Or one token, by its jti"`
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"For the audit log"`
	}
}

func (a *API) revocations() {
	secured(a, identity.SessionRevoke, huma.Operation{
		OperationID: "revoke", Method: http.MethodPost, Path: "/v1/revocations", DefaultStatus: http.StatusNoContent,
		Summary:     "Take tokens back",
		Description: "For an attestation that was withdrawn or an account that was closed (T7): refuses the tokens and ends what is open with them. Repeating it does no harm.",
	}, a.revoke)
}

// revoke writes down who takes back what, then takes it back for good, then ends what is open. A crash in between leaves
// at most sessions that end with it, and what is played back ends within [grant.Fresh] all the same; repeating the request
// completes it.
func (a *API) revoke(ctx context.Context, p identity.Principal, in *revoke) (*struct{}, error) {
	b := in.Body
	if (b.User == "") == (b.Token == "") {
		return nil, policy.ErrBadRequest.With("Name either a user or a token.", "请只填写用户或令牌中的一项。")
	}
	object := "user/" + b.User
	if b.User == "" {
		object = "token/" + b.Token
	}
	if err := a.Audit.Record(ctx, p, string(identity.SessionRevoke), object, "reason", b.Reason); err != nil {
		return nil, err
	}
	r := identity.Revocation{User: identity.UserID(b.User), TokenID: b.Token, Before: a.Now()}
	if err := a.Revoker.Revoke(ctx, r); err != nil {
		return nil, err
	}
	a.Grants.Drop(r)
	a.Sessions.Drop(r)
	return nil, nil
}
