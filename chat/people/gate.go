package people

import (
	"context"
	"encoding/json"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
)

// Admit implements [chat.Gate]: nothing is taken for somebody on the other side who closed the account, blocks the sender or
// hides from them (T4). All three are [policy.ErrClosed], found by the same steps. In a conversation of several, one is enough:
// whoever blocks is not reached by a conversation with others.
func (s *Service) Admit(ctx context.Context, a chat.Attempt) (json.RawMessage, error) {
	users := make([]identity.UserID, 1, 1+len(a.Others))
	users[0] = a.By.User
	for _, o := range a.Others {
		users = append(users, o.User)
	}
	found, err := s.profiles(ctx, users...)
	if err != nil {
		return nil, err
	}
	by, no := party(a.By), false
	for i, o := range a.Others {
		if across(by, o) {
			no = found[1+i].refuses(by) || no
		}
	}
	if found[0].closed {
		return nil, errClosed
	}
	if no {
		s.metrics.refused.WithLabelValues(atSend).Inc()
		return nil, policy.ErrClosed
	}
	return nil, nil
}

// party is the principal as the one who writes: the company is the one that the token attests.
func party(p identity.Principal) chat.Party {
	return chat.Party{User: p.User, Role: p.Role, Company: p.Company}
}

// across says whether the two are on different sides of a conversation.
func across(a, b chat.Party) bool {
	return (a.Role == identity.Candidate) != (b.Role == identity.Candidate)
}

// NoReceipts implements [chat.Preferences].
func (s *Service) NoReceipts(ctx context.Context, users []identity.UserID) (map[identity.UserID]bool, error) {
	found, err := s.profiles(ctx, users...)
	if err != nil {
		return nil, err
	}
	var off map[identity.UserID]bool
	for i, p := range found {
		if p.settings.Receipts {
			continue
		}
		if off == nil {
			off = make(map[identity.UserID]bool, len(users))
		}
		off[users[i]] = true
	}
	return off, nil
}

// Refusing implements [chat.Preferences].
func (s *Service) Refusing(ctx context.Context, viewer chat.Party, users []identity.UserID) (map[identity.UserID]bool, error) {
	found, err := s.profiles(ctx, users...)
	if err != nil {
		return nil, err
	}
	var refusing map[identity.UserID]bool
	for i, p := range found {
		if p.refuses(viewer) {
			add(&refusing, users[i])
		}
	}
	return refusing, nil
}

// Visible returns those of the users whose being here the viewer may see. Whoever switched presence off, closed the account,
// blocks the viewer or hides from them (T4) is not among them.
func (s *Service) Visible(ctx context.Context, viewer identity.Principal, users []identity.UserID) ([]identity.UserID, error) {
	found, err := s.profiles(ctx, users...)
	if err != nil {
		return nil, err
	}
	by := party(viewer)
	var visible []identity.UserID
	for i, p := range found {
		refuses := p.refuses(by)
		if p.settings.Presence && !refuses || users[i] == viewer.User {
			visible = append(visible, users[i])
		}
	}
	return visible, nil
}
