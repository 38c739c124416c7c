package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/keys"
)

// Read returns a page of the log to a member.
func (s *Service) Read(ctx context.Context, p identity.Principal, id ConversationID, r Range) (Page, error) {
	if _, err := s.enter(ctx, p, identity.ConversationRead, id); err != nil {
		return Page{}, err
	}
	entries, head, err := s.store.Read(ctx, id, r.bounded())
	if err != nil {
		return Page{}, known("read log", err)
	}
	page := Page{Conversation: string(id), Head: head, Entries: make([]wire.Entry, len(entries))}
	for i, e := range entries {
		if page.Entries[i], err = s.Unseal(ctx, e); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// maxLastBytes bounds the ciphertext of last entries in one list; of conversations beyond it Last is left out, the log has it.
const maxLastBytes = 256 << 10

// List returns the principal's conversations, last active first, at most [MaxConversations], each as the principal may see
// it; those in which the principal has another role than now are left out (T1).
func (s *Service) List(ctx context.Context, p identity.Principal) ([]wire.Conversation, error) {
	if err := identity.Allow(p, identity.ConversationRead); err != nil {
		return nil, err
	}
	all, err := s.store.List(ctx, p.User, MaxConversations)
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	all = slices.DeleteFunc(all, func(st Standing) bool { return !circleOf(st.Seats).has(p.User, p.Role) })
	d, err := s.discretion(ctx, p, all...)
	if err != nil {
		return nil, err
	}
	out, budget := make([]wire.Conversation, 0, len(all)), maxLastBytes
	for _, st := range all {
		if st.Last != nil {
			if budget -= len(st.Last.Sealed); budget < 0 {
				st.Last = nil
			}
		}
		c, err := s.view(ctx, p.User, st, d)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// View returns one conversation as the principal, a member, may see it: names masked (T2), unread counted.
func (s *Service) View(ctx context.Context, p identity.Principal, id ConversationID) (wire.Conversation, error) {
	if _, err := s.enter(ctx, p, identity.ConversationRead, id); err != nil {
		return wire.Conversation{}, err
	}
	st, err := s.load(ctx, id, p.User)
	if err != nil {
		return wire.Conversation{}, err
	}
	d, err := s.discretion(ctx, p, st)
	if err != nil {
		return wire.Conversation{}, err
	}
	return s.view(ctx, p.User, st, d)
}

// discretion is what members do not show a viewer.
type discretion struct {
	role     identity.Role // the viewer's
	quiet    map[identity.UserID]bool
	refusing map[identity.UserID]bool
}

func (s *Service) discretion(ctx context.Context, p identity.Principal, all ...Standing) (d discretion, err error) {
	users := usersOf(all)
	d.role = p.Role
	if d.quiet, err = s.quiet(ctx, users); err != nil {
		return d, err
	}
	d.refusing, err = s.refusing(ctx, Party{User: p.User, Role: p.Role, Company: p.Company}, users)
	return d, err
}

// of is a member's part on the wire without what it does not show.
func (d discretion) of(m Member, viewer identity.UserID) wire.Member {
	w := m.wire(viewer, d.quiet[m.User])
	if m.User != viewer && across(m.Role, d.role) && d.refusing[m.User] {
		w.Delivered, w.Read = 0, 0
	}
	return w
}

// usersOf are the members of the conversations, each once.
func usersOf(all []Standing) []identity.UserID {
	var users []identity.UserID
	for _, st := range all {
		for _, t := range st.Seats {
			users = append(users, t.User)
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// Members returns who is in the conversation, for other parts of the server. Names come out of [Member.NameFor] only.
func (s *Service) Members(ctx context.Context, id ConversationID) ([]Member, error) {
	st, err := s.load(ctx, id, "")
	if err != nil {
		return nil, err
	}
	return s.members(ctx, st)
}

func (s *Service) view(ctx context.Context, viewer identity.UserID, st Standing, d discretion) (wire.Conversation, error) {
	c := wire.Conversation{ID: string(st.ID), Head: st.Head, Unread: st.Unread, Exchanged: st.Exchanged, Appointment: st.Appointment}
	title, err := s.title(ctx, st)
	if err != nil {
		return wire.Conversation{}, err
	}
	c.Title = title
	members, err := s.members(ctx, st)
	if err != nil {
		return wire.Conversation{}, err
	}
	for _, m := range members {
		c.Members = append(c.Members, d.of(m, viewer))
	}
	if st.Last != nil {
		last, err := s.Unseal(ctx, *st.Last)
		if err != nil {
			return wire.Conversation{}, err
		}
		c.Last = &last
	}
	return c, nil
}

func (s *Service) title(ctx context.Context, st Standing) (string, error) {
	plain, err := unseal(ctx, s.vault, BodyKey(st.ID, ""), titleLabel(st.ID), st.Title)
	if errors.Is(err, keys.ErrDestroyed) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open title of %s: %w", st.ID, err)
	}
	return string(plain), nil
}
