package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"parley/internal/identity"
)

// Gate is asked before something that a person wrote reaches the log, in the order of [Neighbours]. A refusal is what the
// person is told, so it tells nothing hidden. What the system posts passes no gate. Any goroutine may call it.
type Gate interface {
	// Admit returns the content to be stored in place of the one in a, nil for as it is, or why there is none.
	Admit(ctx context.Context, a Attempt) (json.RawMessage, error)
}

// Attempt is what somebody wants to write: the content is in the form of its type. It is read only.
type Attempt struct {
	By           identity.Principal
	Conversation ConversationID
	Others       []Party // the other members
	CID          ClientID
	Type         string
	Content      json.RawMessage
	Confirmed    bool // the person has seen a warning and wants it all the same
}

// Party is a member as gates need to know it.
type Party struct {
	User    identity.UserID
	Role    identity.Role
	Company identity.CompanyID // of a recruiter or headhunter; empty where the platform did not say
}

// Preferences are what members set for themselves, as far as the log heeds it. It is asked for every view and every mark: it
// must be quick. Any goroutine may call it.
type Preferences interface {
	// NoReceipts says which of the users don't show what they have read.
	NoReceipts(ctx context.Context, users []identity.UserID) (map[identity.UserID]bool, error)
	// Refusing says which of the users, who are of the other side, take nothing from the viewer (T4).
	Refusing(ctx context.Context, viewer Party, users []identity.UserID) (map[identity.UserID]bool, error)
}

// Attachments knows what was uploaded.
type Attachments interface {
	// Describe returns what the server knows of an attachment that the user has uploaded into this conversation, as the content
	// of an entry of the type; a refusal if there is none that fits. Reply and Text of the answer are empty.
	Describe(ctx context.Context, user identity.UserID, id ConversationID, attachment, entry string) (AttachmentFacts, error)
}

// AttachmentFacts are what a content says of its attachment.
type AttachmentFacts struct {
	Name, Media   string
	Size          int64
	Width, Height int
	DurationMS    int64
	Thumb         bool
}

// Opener is asked before a new conversation is founded; opening an existing one again asks nobody. A refusal is what the
// platform's backend is told, so it tells nothing hidden. Any goroutine may call it.
type Opener interface {
	// MayOpen says whether the starter may write to the others at all (T1, T4). It may be asked again about the same opening,
	// after one whose outcome was unknown.
	MayOpen(ctx context.Context, o Opening) error
}

// Opening is a conversation that somebody wants to begin. Where the platform itself opens, the starter is the zero Party and
// others are all members: what one of them has set against another holds all the same.
type Opening struct {
	Key     string // the platform's own id of it
	Starter Party
	Others  []Party // in the order of opening
}

// Neighbours are the domains that a [Service] asks; each may be absent.
type Neighbours struct {
	Gates       []Gate // asked in this order
	Openers     []Opener
	Preferences Preferences // nil: everybody shows what is read
	Attachments Attachments // nil: what needs one is refused as unavailable
}

// Use sets the neighbours, in place of those before: for those that need the service themselves. It is called before anything
// else is asked of the service.
func (s *Service) Use(n Neighbours) { s.around = n }

// Enter is the door of what builds on conversations: the table of authorisation first, then membership in the role that the
// principal acts in; a stranger gets policy.ErrNotFound. It returns all members, the principal first.
func (s *Service) Enter(ctx context.Context, p identity.Principal, a identity.Action, id ConversationID) ([]Party, error) {
	c, err := s.enter(ctx, p, a, id)
	if err != nil {
		return nil, err
	}
	self := Party{User: p.User, Role: p.Role, Company: p.Company}
	if i := c.index(p.User); c.parties[i].Company != "" {
		self = c.parties[i]
	}
	return append([]Party{self}, c.others(p.User)...), nil
}

// Parties returns all members, for other parts of the server; policy.ErrNotFound.
func (s *Service) Parties(ctx context.Context, id ConversationID) ([]Party, error) {
	c, err := s.circle(ctx, id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(c.parties), nil
}

// Admit asks the gates about something that a member is about to write by another way than [Service.Send]; it fills in the
// others. It returns the content to be stored, that of a itself where no gate left less.
func (s *Service) Admit(ctx context.Context, a Attempt) (json.RawMessage, error) {
	c, err := s.circle(ctx, a.Conversation)
	if err != nil {
		return nil, err
	}
	a.Others = c.others(a.By.User)
	return s.admit(ctx, a)
}

// admit asks the gates in their order, each about what the one before it left.
func (s *Service) admit(ctx context.Context, a Attempt) (json.RawMessage, error) {
	for _, g := range s.around.Gates {
		content, err := g.Admit(ctx, a)
		if err != nil {
			return nil, err
		}
		if content != nil {
			a.Content = content
		}
	}
	return a.Content, nil
}

// quiet says which of the users don't show what they have read.
func (s *Service) quiet(ctx context.Context, users []identity.UserID) (map[identity.UserID]bool, error) {
	if s.around.Preferences == nil || len(users) == 0 {
		return nil, nil
	}
	quiet, err := s.around.Preferences.NoReceipts(ctx, users)
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	return quiet, nil
}

// refusing says which of the users take nothing from the viewer: their cursors stand still for who may not know that they are still
// there (T4).
func (s *Service) refusing(ctx context.Context, viewer Party, users []identity.UserID) (map[identity.UserID]bool, error) {
	if s.around.Preferences == nil || len(users) == 0 {
		return nil, nil
	}
	refusing, err := s.around.Preferences.Refusing(ctx, viewer, users)
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	return refusing, nil
}

// across says whether the two roles are those of different sides.
func across(a, b identity.Role) bool { return (a == identity.Candidate) != (b == identity.Candidate) }

// mayOpen asks the openers about a new conversation.
func (s *Service) mayOpen(ctx context.Context, n NewConversation) error {
	o := Opening{Key: n.Key}
	for _, m := range n.Members {
		p := Party{User: m.User, Role: m.Role, Company: m.CompanyID}
		if m.User == n.Starter {
			o.Starter = p
			continue
		}
		o.Others = append(o.Others, p)
	}
	for _, opener := range s.around.Openers {
		if err := opener.MayOpen(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
