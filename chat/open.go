package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Limits of what opens a conversation, in bytes unless said otherwise.
const (
	MaxKey     = 200
	MaxTitle   = 300
	MaxName    = 200 // family and given name, each
	MaxCompany = 300
	MaxMembers = 8 // persons
)

// NewConversation is what the platform opens. Key is its own id of the conversation and makes opening idempotent. Members
// are one candidate and one or more recruiters or headhunters (T1).
type NewConversation struct {
	Key     string
	Title   string // the job it is about
	Members []NewMember
	// Starter is the member who wants to talk; empty where it is the platform itself. A candidate starts with recruiters
	// only (T1).
	Starter identity.UserID
}

// NewMember is one side. Names are sealed at rest and masked for the other side (T2).
type NewMember struct {
	User       identity.UserID
	Role       identity.Role
	FamilyName string
	GivenName  string
	Company    string // of a recruiter or headhunter, shown beside the name
	CompanyID  identity.CompanyID
}

// Conversation is a conversation without a viewer: its members' names come out of [Member.NameFor] only.
type Conversation struct {
	ID      ConversationID
	Title   string
	Opened  time.Time
	Starter identity.UserID
	Head    Seq
	Members []Member
	Created bool // by this call
}

// Open opens a conversation for the platform. With a key that is in use it returns the conversation as it is, unless the
// members or their roles differ: that is policy.ErrConflict. A new log begins with the "system" entry "opened".
func (s *Service) Open(ctx context.Context, p identity.Principal, n NewConversation) (Conversation, error) {
	if err := identity.Allow(p, identity.ConversationOpen); err != nil {
		return Conversation{}, err
	}
	if err := n.check(); err != nil {
		return Conversation{}, err
	}
	id, err := s.store.Find(ctx, n.Key)
	if err == nil {
		return s.opened(ctx, id, n, false)
	}
	if !errors.Is(err, ErrUnknown) {
		return Conversation{}, fmt.Errorf("find conversation: %w", err)
	}
	if err := s.mayOpen(ctx, n); err != nil {
		return Conversation{}, err
	}
	f, err := s.found(ctx, n)
	if err != nil {
		return Conversation{}, err
	}
	if id, err = s.store.Open(ctx, f); err != nil {
		return Conversation{}, fmt.Errorf("open conversation: %w", err)
	}
	return s.opened(ctx, id, n, id == f.ID)
}

// opened tells the hub, also on a repeat: the first call may have taken effect without its caller's knowing.
func (s *Service) opened(ctx context.Context, id ConversationID, n NewConversation, created bool) (Conversation, error) {
	st, err := s.load(ctx, id, "")
	if err != nil {
		return Conversation{}, err
	}
	c := circleOf(st.Seats)
	same := func(m NewMember) bool { return c.has(m.User, m.Role) }
	if len(n.Members) != len(c.users) || slices.ContainsFunc(n.Members, func(m NewMember) bool { return !same(m) }) {
		return Conversation{}, policy.ErrConflict.With(
			"The key names a conversation with other members.", "该 key 对应的会话成员不同。")
	}
	members, err := s.members(ctx, st)
	if err != nil {
		return Conversation{}, err
	}
	title, err := s.title(ctx, st)
	if err != nil {
		return Conversation{}, err
	}
	s.hub.Changed(c.users, id)
	return Conversation{ID: id, Title: title, Opened: st.Opened, Starter: st.Starter, Head: st.Head, Members: members, Created: created}, nil
}

// found seals what is said of the new conversation. A crash after it leaves keys that seal nothing.
func (s *Service) found(ctx context.Context, n NewConversation) (Founding, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return Founding{}, fmt.Errorf("mint id: %w", err)
	}
	id, now := ConversationID(u.String()), s.now().UTC().Truncate(time.Microsecond)
	f := Founding{ID: id, Key: n.Key, Opened: now, Starter: n.Starter}
	if f.Title, err = seal(ctx, s.vault, BodyKey(id, ""), titleLabel(id), []byte(n.Title)); err != nil {
		return Founding{}, fmt.Errorf("seal title: %w", err)
	}
	for _, m := range n.Members {
		name, err := s.sealName(ctx, id, m.User, fullName{Family: m.FamilyName, Given: m.GivenName, Company: m.Company})
		if err != nil {
			return Founding{}, err
		}
		f.Seats = append(f.Seats, Seat{User: m.User, Role: m.Role, Company: m.CompanyID, Name: name})
	}
	content, err := json.Marshal(wire.SystemContent{Code: "opened"})
	if err != nil {
		return Founding{}, fmt.Errorf("encode opening: %w", err)
	}
	f.First, err = s.row(ctx, writing{draft: Draft{Conversation: id, CID: "opened", Type: TypeSystem}, shown: content})
	f.First.Time = now
	f.First.Event = openedEvent(f.First.Event)
	return f, err
}

func (n NewConversation) check() error {
	if !plainText(n.Key, 1, MaxKey) {
		return policy.ErrBadRequest.With("The key is empty, too long or not printable.", "key 无效。")
	}
	if !plainText(n.Title, 0, MaxTitle) {
		return policy.ErrBadRequest.With("The title is too long or not printable.", "标题无效。")
	}
	if err := checkMembers(n.Members); err != nil {
		return err
	}
	return checkStarter(n.Starter, n.Members)
}

// checkStarter enforces T1: a recruiter or headhunter may start with a candidate, a candidate with recruiters.
func checkStarter(starter identity.UserID, members []NewMember) error {
	if starter == "" {
		return nil
	}
	i := slices.IndexFunc(members, func(m NewMember) bool { return m.User == starter })
	if i < 0 {
		return policy.ErrBadRequest.With("Who starts a conversation is a member of it.", "发起人必须是会话成员。")
	}
	headhunter := func(m NewMember) bool { return m.Role == identity.Headhunter }
	if members[i].Role == identity.Candidate && slices.ContainsFunc(members, headhunter) {
		return policy.ErrForbidden.With("A candidate may start a conversation with recruiters only.", "求职者只能主动联系招聘者。")
	}
	return nil
}

// checkMembers enforces T1: one candidate, and recruiters or headhunters; nobody twice, so nobody in two roles.
func checkMembers(members []NewMember) error {
	candidates, seen := 0, map[identity.UserID]bool{}
	for _, m := range members {
		switch m.Role {
		case identity.Candidate:
			candidates++
		case identity.Recruiter, identity.Headhunter:
		default:
			return policy.ErrBadRequest.With("A member is a candidate, a recruiter or a headhunter.", "成员身份只能是求职者、招聘者或猎头。")
		}
		if err := m.check(); err != nil {
			return err
		}
		seen[m.User] = true
	}
	if candidates != 1 || len(members) < 2 || len(members) > MaxMembers || len(seen) != len(members) {
		return policy.ErrBadRequest.With(
			"A conversation has one candidate and at least one recruiter or headhunter, each another person.",
			"会话须有一位求职者和至少一位招聘者或猎头，且不能是同一人。")
	}
	return nil
}

func (m NewMember) check() error {
	switch {
	case !plainText(string(m.User), 1, identity.MaxUserID):
		return policy.ErrBadRequest.With("A member's user id is empty, too long or not printable.", "成员的用户标识无效。")
	case !plainText(m.FamilyName, 0, MaxName), !plainText(m.GivenName, 0, MaxName), strings.TrimSpace(m.FamilyName+m.GivenName) == "":
		return policy.ErrBadRequest.With("A member's name is missing, too long or not printable.", "成员姓名无效。")
	case !plainText(m.Company, 0, MaxCompany), !plainText(string(m.CompanyID), 0, MaxCompany):
		return policy.ErrBadRequest.With("A member's company is too long or not printable.", "成员公司名称无效。")
	}
	return nil
}

// plainText says whether s is valid UTF-8 without control characters and between low and high bytes long.
func plainText(s string, low, high int) bool {
	return len(s) >= low && len(s) <= high && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
