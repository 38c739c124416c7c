package gateway

import (
	"testing"
	"time"

	"parley/internal/identity"
)

// FuzzRevocation has another node tell anything as a revocation: what is taken names a user or a token, and is told on as the
// same.
func FuzzRevocation(f *testing.F) {
	whole, err := encodeRevocation(identity.Revocation{User: "ann", Before: time.Unix(9, 0)})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(whole), `{"token":"t","before":"2026-03-01T00:00:00Z"}`, `{"user":"a","token":"t"}`, "{}", "null", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRevocation(b)
		if err != nil {
			return
		}
		if (r.User == "") == (r.TokenID == "") {
			t.Fatalf("%q names %+v", b, r)
		}
		again, err := encodeRevocation(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := decodeRevocation(again); err != nil || same.User != r.User || same.TokenID != r.TokenID || !same.Before.Equal(r.Before) {
			t.Errorf("%+v is told on as %+v, %v", r, same, err)
		}
	})
}
