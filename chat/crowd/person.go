package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
)

// NewPerson is what the platform says of somebody in a room. The name is sealed at rest and shown masked, but for hosts (T2).
type NewPerson struct {
	User       identity.UserID
	FamilyName string
	GivenName  string
	Host       bool
	MutedUntil time.Time // zero: not muted
}

type fullName struct {
	Family string `json:"family"`
	Given  string `json:"given"`
}

const nameLabel = "crowd/name"

// SetPerson stores what the platform says of somebody, on every node within seconds.
func (s *Service) SetPerson(ctx context.Context, p identity.Principal, id RoomID, n NewPerson) error {
	if err := identity.Allow(p, identity.CrowdManage); err != nil {
		return err
	}
	if n.User == "" || len(n.User) > identity.MaxUserID || len(n.FamilyName) > MaxName || len(n.GivenName) > MaxName {
		return policy.ErrBadRequest.With("A person needs a user id; names are at most 200 bytes.", "缺少用户标识，或姓名过长。")
	}
	if _, err := s.cfg.Store.Load(ctx, id); err != nil {
		return known("load room", err)
	}
	plain, err := json.Marshal(fullName{n.FamilyName, n.GivenName})
	if err != nil {
		return fmt.Errorf("encode name: %w", err)
	}
	sealed, err := s.cfg.Sealer.SealIn(ctx, id, n.User, nameLabel, plain)
	if err != nil {
		return fmt.Errorf("seal name: %w", err)
	}
	row := Person{User: n.User, Host: n.Host, Name: sealed, MutedUntil: n.MutedUntil.UTC().Truncate(time.Microsecond)}
	if n.MutedUntil.IsZero() {
		row.MutedUntil = time.Time{}
	}
	if err := s.cfg.Store.SetPerson(ctx, id, row); err != nil {
		return known("store person", err)
	}
	s.tell(message{Room: id, Rules: true})
	s.stale(id)
	return nil
}

// name is a person's name as the room may see it: a host's in full, anybody else's masked, none where the platform gave none.
func (s *Service) name(ctx context.Context, id RoomID, p Person) (string, error) {
	if len(p.Name) == 0 {
		return "", nil
	}
	plain, err := s.cfg.Sealer.OpenIn(ctx, id, p.User, nameLabel, p.Name)
	if err != nil {
		return "", fmt.Errorf("open name: %w", err)
	}
	var n fullName
	if err := json.Unmarshal(plain, &n); err != nil {
		return "", errors.New("open name: not in the expected form")
	}
	switch {
	case n.Family == "" && n.Given == "":
		return "", nil
	case p.Host:
		return policy.FullName(n.Family, n.Given), nil
	}
	return policy.MaskName(n.Family, n.Given), nil
}

// stale has a living room ask the store anew for everybody.
func (s *Service) stale(id RoomID) {
	s.mu.Lock()
	r := s.rooms[id]
	s.mu.Unlock()
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for user, g := range r.guests {
		g.seen = time.Time{}
		r.guests[user] = g
	}
}
