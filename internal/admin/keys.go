package admin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"parley/internal/chain"
)

// SigningKey is a public key that heads are signed with.
type SigningKey struct {
	ID        string `json:"id" doc:"What signatures name"`
	Algorithm string `json:"algorithm" enum:"Ed25519"`
	Public    []byte `json:"public" doc:"Raw public key, base64"`
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
		Summary: "Public signing keys", Description: "What parley-verify takes as --key, to hold a recording's signatures against.",
	}, a.listKeys)
}

func (a *API) listKeys(ctx context.Context, _ *struct{}) (*shownKeys, error) {
	k, err := a.Signer.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	out := &shownKeys{}
	out.Body.Keys = []SigningKey{{ID: string(chain.PublicKeyID(k)), Algorithm: "Ed25519", Public: k}}
	return out, nil
}
