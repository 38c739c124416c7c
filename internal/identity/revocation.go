package identity

import (
	"context"
	"time"
)

// Revocation takes back one token, by its id, or all of a user's tokens. Exactly one of User and TokenID is set.
type Revocation struct {
	User    UserID
	TokenID string
	// Before is the moment up to which issued tokens are refused. What is issued later is accepted again; the
	// second in which the revocation falls counts as before, because tokens name whole seconds.
	Before time.Time
}

// Revocations answers whether a token was taken back. Any goroutine may call it.
type Revocations interface {
	// Revoked is asked at each verification. An error refuses the token for the time being.
	Revoked(ctx context.Context, user UserID, tokenID string, issued time.Time) (bool, error)
}

// Revoker also takes tokens back; it is durable on return. Dropping live sessions is the caller's part (T7).
type Revoker interface {
	Revocations
	Revoke(ctx context.Context, r Revocation) error
}
