package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// ErasedName is shown for a member whose name was erased (R4).
const ErasedName = "用户已注销"

// Member is one side of a conversation. Its name is not a field: [Member.NameFor] is the only way to it, so that nobody
// can forget to mask it.
type Member struct {
	User      identity.UserID
	Role      identity.Role
	Company   string // of a recruiter or headhunter
	CompanyID identity.CompanyID
	Disclosed bool // the full name may be shown to the other side
	Spoke     bool // has sent something
	Delivered Seq
	Read      Seq

	name   fullName
	erased bool
}

// NameFor is the member's name as the viewer may see it, and whether that is less than the full name. One's own name is
// full. A recruiter's or headhunter's is full, as it stands beside the company. A candidate's is masked for everybody else
// until the candidate disclosed it in this conversation (T2).
func (m Member) NameFor(viewer identity.UserID) (name string, masked bool) {
	switch {
	case m.erased:
		return ErasedName, false
	case m.User == viewer && viewer != "", m.Disclosed, m.Role == identity.Recruiter, m.Role == identity.Headhunter:
		return policy.FullName(m.name.Family, m.name.Given), false
	default:
		return policy.MaskName(m.name.Family, m.name.Given), true
	}
}

// String shows the role only, so that no name reaches a log or an error.
func (m Member) String() string { return "member(" + string(m.Role) + ")" }

// GoString shows the role only.
func (m Member) GoString() string { return m.String() }

// LogValue shows the role only.
func (m Member) LogValue() slog.Value { return slog.StringValue(m.String()) }

// fullName is what is sealed of a member.
type fullName struct {
	Family  string `json:"family"`
	Given   string `json:"given"`
	Company string `json:"company,omitempty"`
}

func (s *Service) sealName(ctx context.Context, id ConversationID, user identity.UserID, n fullName) ([]byte, error) {
	plain, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode name: %w", err)
	}
	return seal(ctx, s.vault, NameKey(id, user), nameLabel(id, user), plain)
}

// member opens a seat. A name whose key was destroyed is erased, not an error.
func (s *Service) member(ctx context.Context, id ConversationID, t Seat) (Member, error) {
	m := Member{
		User: t.User, Role: t.Role, CompanyID: t.Company, Disclosed: t.Disclosed, Spoke: t.Spoke, Delivered: t.Delivered, Read: t.Read,
	}
	plain, err := unseal(ctx, s.vault, NameKey(id, t.User), nameLabel(id, t.User), t.Name)
	if errors.Is(err, keys.ErrDestroyed) {
		m.erased = true
		return m, nil
	}
	if err != nil {
		return Member{}, fmt.Errorf("open name: %w", err)
	}
	if err := json.Unmarshal(plain, &m.name); err != nil {
		return Member{}, errors.New("open name: not in the expected form")
	}
	m.Company = m.name.Company
	return m, nil
}

func (s *Service) members(ctx context.Context, st Standing) ([]Member, error) {
	out := make([]Member, len(st.Seats))
	for i, t := range st.Seats {
		m, err := s.member(ctx, st.ID, t)
		if err != nil {
			return nil, err
		}
		out[i] = m
	}
	return out, nil
}

// wire is the member as the viewer may see it. Quiet says that the member does not show others what is read.
func (m Member) wire(viewer identity.UserID, quiet bool) wire.Member {
	name, masked := m.NameFor(viewer)
	w := wire.Member{
		User: string(m.User), Role: string(m.Role), Name: name, Masked: masked, Disclosed: m.Disclosed,
		Company: m.Company, Spoke: m.Spoke, Delivered: m.Delivered, Read: m.Read,
	}
	if quiet && m.User != viewer {
		w.Read = 0
	}
	return w
}
