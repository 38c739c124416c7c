package chat_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/signal/wire"
)

// openThree opens a conversation of a candidate, a recruiter and a headhunter.
func openThree(t *testing.T, n *chattest.Node) chat.ConversationID {
	t.Helper()
	members := append(chattest.Founders(), chat.NewMember{
		User: chattest.Hana.User, Role: identity.Headhunter, FamilyName: "Smith", GivenName: "Hana", Company: "Finders"})
	c, err := n.Open(t.Context(), chattest.Platform, chat.NewConversation{Key: "three", Members: members})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// T2: who sees which name of whom, before and after the candidate's disclosure.
func TestNamesAreMaskedUntilTheyAreDisclosed(t *testing.T) {
	n := start(t)
	id := openThree(t, n)
	ann, rob, hana := chattest.Ann, chattest.Rob, chattest.Hana
	type shown struct {
		name   string
		masked bool
	}
	before := map[identity.Role]map[identity.UserID]shown{
		ann.Role:  {ann.User: {"欧阳晓雯", false}, rob.User: {"司马长青", false}, hana.User: {"Hana Smith", false}},
		rob.Role:  {ann.User: {"欧阳**", true}, rob.User: {"司马长青", false}, hana.User: {"Hana Smith", false}},
		hana.Role: {ann.User: {"欧阳**", true}, rob.User: {"司马长青", false}, hana.User: {"Hana Smith", false}},
	}
	check := func(when string, viewer identity.Principal, members []wire.Member, want map[identity.UserID]shown) {
		t.Helper()
		for _, m := range members {
			if got := (shown{m.Name, m.Masked}); got != want[identity.UserID(m.User)] {
				t.Errorf("%s, %s sees %s as %v, want %v", when, viewer.Role, m.Role, got, want[identity.UserID(m.User)])
			}
		}
		for _, m := range members {
			if want := strings.HasPrefix(when, "after") && m.User == string(ann.User); m.Disclosed != want {
				t.Errorf("%s, %s sees %s as disclosed %v, want %v", when, viewer.Role, m.Role, m.Disclosed, want)
			}
		}
		if len(members) != 3 {
			t.Errorf("%s, %s sees %d members, want 3", when, viewer.Role, len(members))
		}
	}
	checkAll := func(when string, want map[identity.Role]map[identity.UserID]shown) {
		t.Helper()
		for _, viewer := range []identity.Principal{ann, rob, hana} {
			names := want[viewer.Role]
			c, err := n.View(t.Context(), viewer, id)
			if err != nil {
				t.Fatal(err)
			}
			check(when+", view", viewer, c.Members, names)
			list, err := n.List(t.Context(), viewer)
			if err != nil || len(list) != 1 {
				t.Fatalf("list: %d, %v", len(list), err)
			}
			check(when+", list", viewer, list[0].Members, names)
		}
	}
	checkAll("before", before)
	if err := n.Disclose(t.Context(), ann, id); err != nil {
		t.Fatal(err)
	}
	after := before
	after[rob.Role][ann.User] = shown{"欧阳晓雯", false}
	after[hana.Role][ann.User] = shown{"欧阳晓雯", false}
	checkAll("after", after)
}

func TestNobodyInParticularSeesTheMaskedName(t *testing.T) {
	n := start(t)
	members, err := n.Members(t.Context(), n.NewConversation())
	if err != nil {
		t.Fatal(err)
	}
	for _, viewer := range []identity.UserID{"", "u-stranger", chattest.Rob.User} {
		if name, masked := members[1].NameFor(viewer); name != "欧阳**" || !masked {
			t.Errorf("%q sees %q, masked %v", viewer, name, masked)
		}
	}
	if members[0].Company != "某某科技" {
		t.Errorf("company %q", members[0].Company)
	}
}

func TestDisclosureHoldsInItsConversationOnly(t *testing.T) {
	n := start(t)
	here, there := n.NewConversation(), n.NewConversation()
	if err := n.Disclose(t.Context(), chattest.Ann, here); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[chat.ConversationID]string{here: "欧阳晓雯", there: "欧阳**"} {
		c, err := n.View(t.Context(), chattest.Rob, id)
		if err != nil || c.Members[1].Name != want {
			t.Errorf("got %q, %v; want %q", c.Members[1].Name, err, want)
		}
	}
}

func TestDisclosureIsOneEntryHoweverOftenAndTellsTheHub(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	told := n.Hub.ChangedOf(id)
	n.Store.Next(chattest.FailsPersisted)
	if err := n.Disclose(t.Context(), chattest.Ann, id); err == nil {
		t.Fatal("the injected fault was hidden")
	}
	for range 2 {
		if err := n.Disclose(t.Context(), chattest.Ann, id); err != nil {
			t.Fatal(err)
		}
	}
	log := n.Log(chattest.Rob, id)
	if len(log) != 2 || string(log[1].Content) != `{"code":"name_disclosed","user":"u-ann"}` || log[1].Sender != "" {
		t.Fatalf("log: %+v, want one name_disclosed", log)
	}
	chattest.Eventually(t, "the hub was told", func() bool { return n.Hub.ChangedOf(id) == told+1 })
	if e := n.Hub.Entries(); len(e) != 1 || e[0].Seq != 2 {
		t.Errorf("the hub was told of %v, want seq 2", e)
	}
}

// Neither a member nor an entry prints a name or a text.
func TestMembersAndEntriesDoNotPrintWhatTheyHold(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	members, err := n.Members(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	n.MustSend(chattest.Ann, chattest.Text(t, id, "hello"))
	chattest.Eventually(t, "the hub was told", func() bool { return len(n.Hub.Entries()) == 1 })
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.InfoContext(t.Context(), "x", "entry", n.Hub.Entries()[0], "member", members[1])
	fmt.Fprintf(&b, "%v %+v %#v %s", members, members[1], members[1], members[1])
	for _, secret := range []string{"欧阳", "晓雯", "u-ann"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q is in %s", secret, b.String())
		}
	}
	if !strings.Contains(b.String(), "candidate") {
		t.Error("control: nothing was printed")
	}
}
