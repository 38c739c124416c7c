package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/signal/wire"
)

// Drop ends the user's sessions, here at once and on other nodes as soon as the bus has told them: the user's access was
// revoked (T7). A session that lives by a token of a later second goes on. A node that is not told finds out at the next
// ping, if it has [Config.Revocations].
func (g *Gateway) Drop(user identity.UserID) {
	g.revokeEverywhere(identity.Revocation{User: user, Before: time.Now()})
}

// DropToken ends the sessions that live by the token, in the way of [Gateway.Drop]: it was taken back, and no other of its
// user (T7).
func (g *Gateway) DropToken(id string) {
	g.revokeEverywhere(identity.Revocation{TokenID: id, Before: time.Now()})
}

func (g *Gateway) revokeEverywhere(r identity.Revocation) {
	g.revoke(r)
	g.hub.Revoked(r)
}

// revoke ends what is open on this node with what was revoked. Doing it again changes nothing.
func (g *Gateway) revoke(r identity.Revocation) {
	for _, s := range g.revokedSessions(r) {
		s.cut(revoked())
	}
	if g.cfg.Revoked != nil {
		g.cfg.Revoked(r)
	}
}

func (g *Gateway) revokedSessions(r identity.Revocation) (found []*session) {
	among := g.sessions.all
	if r.TokenID == "" {
		among = func() []*session { return g.sessions.of(r.User) }
	}
	for _, s := range among() {
		if t := s.token.Load(); t != nil && t.revoked(r) {
			found = append(found, s)
		}
	}
	return found
}

// token is what a session lives by.
type token struct {
	id     string
	issued time.Time
}

// revoked says whether a revocation, of the token's user if it is of a user, takes the token back.
func (t token) revoked(r identity.Revocation) bool {
	if r.TokenID != "" {
		return t.id == r.TokenID
	}
	return !t.issued.After(r.Before)
}

// live notes the principal that the session acts for, and the token that says so.
func (s *session) live(p identity.Principal) {
	s.p = p
	s.token.Store(&token{id: p.TokenID, issued: p.Issued})
}

// cut ends the session without waiting for what it is doing. Any goroutine may call it.
func (s *session) cut(e *ending) {
	s.box.end(e)
	if cancel := s.doing.Load(); cancel != nil {
		(*cancel)()
	}
}

func revoked() *ending {
	return &ending{code: wire.CloseRevoked, reason: "revoked", last: wire.Bye{Reason: "revoked"}}
}

// revocation is a hint that all nodes are told. The moment in it keeps one that comes late, or twice, from ending what the
// user has opened since.
type revocation struct {
	User   identity.UserID `json:"user,omitempty"`
	Token  string          `json:"token,omitempty"`
	Before time.Time       `json:"before"`
}

func encodeRevocation(r identity.Revocation) ([]byte, error) {
	return json.Marshal(revocation{User: r.User, Token: r.TokenID, Before: r.Before})
}

var errNobody = errors.New("it names no user or token, or both")

func decodeRevocation(b []byte) (identity.Revocation, error) {
	var r revocation
	if err := json.Unmarshal(b, &r); err != nil {
		return identity.Revocation{}, fmt.Errorf("decode revocation: %w", err)
	}
	if (r.User == "") == (r.Token == "") {
		return identity.Revocation{}, fmt.Errorf("decode revocation: %w", errNobody)
	}
	return identity.Revocation{User: r.User, TokenID: r.Token, Before: r.Before}, nil
}

func (g *Gateway) receiveRevocation(_ context.Context, _ []*session, b []byte) error {
	r, err := decodeRevocation(b)
	if err == nil {
		g.revoke(r)
	}
	return err
}
