package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/chain"
)

// SigningKey is a public key that heads are signed with.
type SigningKey struct {
	ID        string `json:"id" doc:"What signatures name"`
	Algorithm string `json:"algorithm" enum:"Ed25519"`
	Public    []byte `json:"public" doc:"Raw public key, base64"`
	// Since and Until are when it signed.
	Since *time.Time `json:"since,omitempty" doc:"Signed from then on; absent: from the beginning"`
	Until *time.Time `json:"until,omitempty" doc:"No node signs with it after that; absent: it signs today"`
}

type shownKeys struct {
	Body struct {
		Keys []SigningKey `json:"keys"`
	}
}

// signingKeys serves the public keys to everybody who wants to check evidence (E6).
func (a *API) signingKeys() {
	public(a, huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/v1/keys",
		Summary: "Public signing keys", Description: "All there ever were, the one that signs today first: what parley-verify takes as --key, to hold a recording's signatures against. " +
			"A head names the key that signed it.",
	}, a.listKeys)
}

func (a *API) listKeys(ctx context.Context, _ *struct{}) (*shownKeys, error) {
	all, err := a.Signer.PublicKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := &shownKeys{}
	out.Body.Keys = []SigningKey{}
	for _, k := range slices.Backward(all) {
		out.Body.Keys = append(out.Body.Keys, SigningKey{ID: string(chain.PublicKeyID(k.Key)), Algorithm: "Ed25519", Public: k.Key,
			Since: moment(k.Since), Until: moment(k.Until)})
	}
	return out, nil
}

// moment leaves a time that is not known out of an answer.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
