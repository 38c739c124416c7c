package admin

import (
	"context"
	"crypto/rand"

	"parley/internal/identity/grant"
	"parley/internal/identity/grant/granttest"
)

// ownGrants are grants that this process forgets.
func ownGrants(cfg Config) *grant.Grants {
	var key [32]byte
	rand.Read(key[:])
	return grant.New(grant.Config{Store: &granttest.Memory{Now: cfg.Now}, Revocations: cfg.Revoker, Now: cfg.Now,
		Key: func(context.Context) ([32]byte, error) { return key, nil }})
}
