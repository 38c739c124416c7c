package interview

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Spec is an interview to be opened. Key is the platform's own id of it, for its backend only, and makes opening
// idempotent even after the interview has ended.
type Spec struct {
	Conversation chat.ConversationID
	Key          string
}

// maxKey is the longest key in bytes.
const maxKey = 200

// Open opens an interview of the conversation's members: a recruiter or headhunter among them may, and the platform's
// backend. While one is open or live in the conversation, that one is the answer. A crash or an error leaves either no
// interview, or one whose card is posted by the next try or the next sweep.
func (s *Service) Open(ctx context.Context, p identity.Principal, spec Spec) (wire.Interview, error) {
	if err := identity.Allow(p, identity.InterviewOpen); err != nil {
		return wire.Interview{}, err
	}
	if len(spec.Key) > maxKey || spec.Key != "" && p.Role != identity.Service {
		return wire.Interview{}, policy.ErrBadRequest.With("The key is too long, or not yours to set.", "key 无效。")
	}
	members, err := s.members(ctx, p, spec.Conversation)
	if err != nil {
		return wire.Interview{}, err
	}
	if err := s.welcome(ctx, p, spec.Conversation); err != nil {
		return wire.Interview{}, err
	}
	i, err := s.find(ctx, spec)
	if err == nil && i.ID == "" {
		i, err = s.create(ctx, p, spec, members)
	}
	if err != nil {
		return wire.Interview{}, err
	}
	if i.Conversation != spec.Conversation {
		return wire.Interview{}, policy.ErrConflict.With("The key names an interview of another conversation.", "该 key 已用于另一个会话。")
	}
	if i.State != Ended {
		if err := s.ask(ctx, i.ID, func(ctx context.Context, x *session) error { return x.announce(ctx) }); err != nil {
			return wire.Interview{}, err
		}
	}
	return s.View(ctx, p, i.ID)
}

// welcome says whether a person may invite the others, as they may be written to (T4). The platform may always.
func (s *Service) welcome(ctx context.Context, p identity.Principal, id chat.ConversationID) error {
	if p.Role == identity.Service {
		return nil
	}
	_, err := s.cfg.Chat.Admit(ctx, chat.Attempt{By: p, Conversation: id, Type: chat.TypeInterview})
	return err
}

// members gives the conversation's members to one of them, in the role they have there (T1), or to the platform.
func (s *Service) members(ctx context.Context, p identity.Principal, id chat.ConversationID) ([]chat.Member, error) {
	members, err := s.cfg.Chat.Members(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("members of conversation: %w", err)
	}
	if len(members) > MaxParticipants {
		return nil, policy.ErrBadRequest.With("Too many members for an interview.", "会话成员过多，无法面试。")
	}
	for _, m := range members {
		if p.Role == identity.Service || m.User == p.User && m.Role == p.Role {
			return members, nil
		}
	}
	return nil, policy.ErrNotFound
}

// find is what Open answers without opening anything; the zero Interview when there is none.
func (s *Service) find(ctx context.Context, spec Spec) (Interview, error) {
	filters := []Filter{{Conversation: spec.Conversation, States: []State{Open, Live}}}
	if spec.Key != "" {
		filters = []Filter{{Key: spec.Key}, filters[0]}
	}
	for _, f := range filters {
		found, err := s.cfg.Store.List(ctx, f, 1)
		if err != nil {
			return Interview{}, fmt.Errorf("find interview: %w", err)
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return Interview{}, nil
}

func (s *Service) create(ctx context.Context, p identity.Principal, spec Spec, members []chat.Member) (Interview, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return Interview{}, fmt.Errorf("mint id: %w", err)
	}
	i := Interview{ID: ID(u.String()), Conversation: spec.Conversation, Key: spec.Key, State: Open,
		Opened: s.cfg.Now().UTC().Truncate(time.Microsecond)}
	for _, m := range members {
		i.Participants = append(i.Participants, Participant{User: m.User, Role: m.Role, Consent: Asked})
	}
	if err := s.cfg.Audit.Record(ctx, p, "interview.open", string(i.ID), "conversation", string(spec.Conversation)); err != nil {
		return Interview{}, fmt.Errorf("open interview: %w", err)
	}
	got, _, err := s.cfg.Store.Create(ctx, i)
	if err != nil {
		return Interview{}, fmt.Errorf("open interview: %w", err)
	}
	return got, nil
}
