package chat_test

import (
	"errors"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
)

// Whoever is not in the conversation, or not in that role, gets the answer for a conversation that does not exist, whatever
// they try; roles that have no business there are refused before anything is looked up.
func TestStrangersLearnNothing(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	n.MustSend(chattest.Ann, chattest.Text(t, id, "private"))
	tries := map[string]func(p identity.Principal, id chat.ConversationID) error{
		"send": func(p identity.Principal, id chat.ConversationID) error {
			_, err := n.Send(t.Context(), p, chattest.Text(t, id, "hi"))
			return err
		},
		"read": func(p identity.Principal, id chat.ConversationID) error {
			_, err := n.Read(t.Context(), p, id, chat.Range{})
			return err
		},
		"view": func(p identity.Principal, id chat.ConversationID) error {
			_, err := n.View(t.Context(), p, id)
			return err
		},
		"mark": func(p identity.Principal, id chat.ConversationID) error { return n.Mark(t.Context(), p, id, 1, 1) },
	}
	as := func(u identity.UserID, r identity.Role) identity.Principal {
		return identity.Principal{User: u, Role: r}
	}
	for _, c := range []struct {
		who  identity.Principal
		want error
	}{
		{as("u-stranger", identity.Candidate), policy.ErrNotFound},
		{as("u-stranger", identity.Recruiter), policy.ErrNotFound},
		{as("u-ann", identity.Recruiter), policy.ErrNotFound}, // T1: the same person in another role
		{as("u-rob", identity.Candidate), policy.ErrNotFound},
		{as("u-rob", identity.Headhunter), policy.ErrNotFound},
		{as("u-rob", identity.Viewer), policy.ErrForbidden},
		{as("u-rob", identity.Support), policy.ErrForbidden},
		{as("u-rob", identity.Operator), policy.ErrForbidden},
		{as("u-rob", identity.Service), policy.ErrForbidden},
		{as("", identity.Recruiter), policy.ErrUnauthenticated},
		{identity.Principal{}, policy.ErrUnauthenticated},
	} {
		for what, try := range tries {
			here, nowhere := try(c.who, id), try(c.who, "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01")
			if !errors.Is(here, c.want) || here.Error() != nowhere.Error() {
				t.Errorf("%s as %s %q: %v, and %v where there is nothing; want %v both times", what, c.who.Role, c.who.User, here, nowhere, c.want)
			}
		}
		if list, err := n.List(t.Context(), c.who); len(list) != 0 {
			t.Errorf("list as %s %q: %d conversations, %v", c.who.Role, c.who.User, len(list), err)
		}
	}
	if log := n.Log(chattest.Rob, id); len(log) != 2 {
		t.Errorf("the log has %d entries, want 2", len(log))
	}
}

func TestOnlyTheCandidateDiscloses(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	for _, c := range []struct {
		who  identity.Principal
		want error
	}{
		{chattest.Rob, policy.ErrForbidden},
		{chattest.Platform, policy.ErrForbidden},
		{identity.Principal{User: chattest.Rob.User, Role: identity.Candidate}, policy.ErrNotFound},
		{identity.Principal{User: "u-stranger", Role: identity.Candidate}, policy.ErrNotFound},
	} {
		if err := n.Disclose(t.Context(), c.who, id); !errors.Is(err, c.want) {
			t.Errorf("as %s: %v, want %v", c.who.Role, err, c.want)
		}
	}
	c, err := n.View(t.Context(), chattest.Rob, id)
	if err != nil || !c.Members[1].Masked {
		t.Errorf("the name is out: %+v, %v", c.Members, err)
	}
}

func TestOnlyThePlatformOpens(t *testing.T) {
	n := start(t)
	for _, r := range identity.Roles {
		_, err := n.Open(t.Context(), identity.Principal{User: "u", Role: r}, chat.NewConversation{Key: "k", Members: chattest.Founders()})
		if (err == nil) != (r == identity.Service) {
			t.Errorf("as %s: %v", r, err)
		}
	}
}

func TestWhatOpensAConversationIsChecked(t *testing.T) {
	n := start(t)
	rob, ann := chattest.Founders()[0], chattest.Founders()[1]
	with := func(m chat.NewMember, f func(*chat.NewMember)) chat.NewMember { f(&m); return m }
	two := []chat.NewMember{rob, ann}
	for name, c := range map[string]chat.NewConversation{
		"no key":             {Members: two},
		"a long key":         {Key: strings.Repeat("k", chat.MaxKey+1), Members: two},
		"a key of controls":  {Key: "a\x00b", Members: two},
		"a key not UTF-8":    {Key: "a\xff", Members: two},
		"a long title":       {Key: "k", Title: strings.Repeat("t", chat.MaxTitle+1), Members: two},
		"nobody":             {Key: "k"},
		"one alone":          {Key: "k", Members: []chat.NewMember{ann}},
		"two candidates":     {Key: "k", Members: []chat.NewMember{ann, with(ann, func(m *chat.NewMember) { m.User = "u-2" })}},
		"no candidate":       {Key: "k", Members: []chat.NewMember{rob, with(rob, func(m *chat.NewMember) { m.User = "u-2" })}},
		"one in both roles":  {Key: "k", Members: []chat.NewMember{rob, with(ann, func(m *chat.NewMember) { m.User = rob.User })}},
		"a member twice":     {Key: "k", Members: []chat.NewMember{rob, ann, rob}},
		"a viewer":           {Key: "k", Members: []chat.NewMember{rob, ann, with(rob, func(m *chat.NewMember) { m.User, m.Role = "u-3", identity.Viewer })}},
		"no role":            {Key: "k", Members: []chat.NewMember{with(rob, func(m *chat.NewMember) { m.Role = "" }), ann}},
		"no user id":         {Key: "k", Members: []chat.NewMember{with(rob, func(m *chat.NewMember) { m.User = "" }), ann}},
		"a long user id":     {Key: "k", Members: []chat.NewMember{with(rob, func(m *chat.NewMember) { m.User = identity.UserID(strings.Repeat("u", 129)) }), ann}},
		"no name":            {Key: "k", Members: []chat.NewMember{rob, with(ann, func(m *chat.NewMember) { m.FamilyName, m.GivenName = " ", "" })}},
		"a long given name":  {Key: "k", Members: []chat.NewMember{rob, with(ann, func(m *chat.NewMember) { m.GivenName = strings.Repeat("n", chat.MaxName+1) })}},
		"a name of newlines": {Key: "k", Members: []chat.NewMember{rob, with(ann, func(m *chat.NewMember) { m.GivenName = "a\nb" })}},
		"a long company":     {Key: "k", Members: []chat.NewMember{with(rob, func(m *chat.NewMember) { m.Company = strings.Repeat("c", chat.MaxCompany+1) }), ann}},
	} {
		if _, err := n.Open(t.Context(), chattest.Platform, c); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v, want bad_request", name, err)
		}
	}
	many := []chat.NewMember{ann}
	for i := range chat.MaxMembers {
		many = append(many, with(rob, func(m *chat.NewMember) { m.User += identity.UserID(rune('a' + i)) }))
	}
	if _, err := n.Open(t.Context(), chattest.Platform, chat.NewConversation{Key: "k", Members: many}); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("too many members: %v, want bad_request", err)
	}
	if _, err := n.Open(t.Context(), chattest.Platform, chat.NewConversation{Key: "k", Members: many[:chat.MaxMembers]}); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
}
