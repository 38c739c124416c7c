package testenv

import (
	"context"
	"time"

	"parley/internal/identity"
	"parley/signal/client"
)

// Actor is somebody who uses the server.
type Actor struct {
	ID            identity.UserID
	Role          identity.Role
	Family, Given string
	Company       string
	CompanyID     identity.CompanyID

	env *Env
}

// cast is who there is, by seat. Each one's token proves all that the role needs.
var cast = map[string]Actor{
	"recruiter":  {ID: "u-recruiter", Role: identity.Recruiter, Family: "王", Given: "经理", Company: "示例科技", CompanyID: "c-1"},
	"candidate":  {ID: "u-candidate", Role: identity.Candidate, Family: "李", Given: "晓明"},
	"headhunter": {ID: "u-headhunter", Role: identity.Headhunter, Family: "陈", Given: "思远", Company: "远航猎头", CompanyID: "c-2"},
	"host":       {ID: "u-host", Role: identity.Recruiter, Family: "周", Given: "雨桐", Company: "示例科技", CompanyID: "c-1"},
	"viewer":     {ID: "u-viewer", Role: identity.Viewer, Family: "孙", Given: "悦"},
	"support":    {ID: "u-support", Role: identity.Support},
	"approver":   {ID: "u-approver", Role: identity.Approver},
	"operator":   {ID: "u-operator", Role: identity.Operator},
	"service":    {ID: "u-platform", Role: identity.Service},
}

// As is the actor of a seat.
func (e *Env) As(seat string) *Actor {
	e.t.Helper()
	if a := e.actors[seat]; a != nil {
		return a
	}
	a, ok := cast[seat]
	if !ok {
		e.t.Fatalf("nobody sits in seat %q", seat)
	}
	a.env = e
	e.actors[seat] = &a
	return &a
}

// FullName is the name as it must never reach a log, nor the other side before disclosure (T2).
func (a *Actor) FullName() string { return a.Family + a.Given }

// Claims are what the actor's token says, for tests that change one of them.
func (a *Actor) Claims() identity.Claims {
	now := time.Now()
	c := identity.Claims{
		User: a.ID, Role: a.Role, Age: identity.Adult, Factors: []string{"pwd", "otp"}, Issued: now, Expires: now.Add(time.Hour),
	}
	if a.Company != "" {
		c.Company, c.Attested = a.CompanyID, now.Add(time.Hour)
	}
	return c
}

// Token is a fresh token of the actor.
func (a *Actor) Token() string {
	a.env.t.Helper()
	return a.env.Mint(a.Claims())
}

// Mint signs claims with the test's key.
func (e *Env) Mint(c identity.Claims) string {
	e.t.Helper()
	token, err := identity.Mint(key, secret, c)
	if err != nil {
		e.t.Fatal(err)
	}
	return token
}

// Dial opens the actor's session; it is closed when the test ends.
func (a *Actor) Dial(ctx context.Context, o client.Options) *client.Session {
	a.env.t.Helper()
	s, err := client.Dial(ctx, a.env.URL()+"/v1/ws", a.Token(), o)
	if err != nil {
		a.env.t.Fatalf("sign in as %s: %v", a.Role, err)
	}
	a.env.t.Cleanup(func() { _ = s.Close() })
	return s
}
