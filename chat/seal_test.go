package chat_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
)

// R2: erasing one side's words leaves the other's, and the log stays readable and dense.
func TestErasingOneSideLeavesTheOther(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	n.MustSend(chattest.Ann, chattest.Text(t, id, "hers"))
	n.MustSend(chattest.Rob, chattest.Text(t, id, "his"))
	n.MustSend(chattest.Ann, chattest.Text(t, id, "hers again"))
	if err := n.Vault.Destroy(t.Context(), chat.BodyKey(id, chattest.Ann.User)); err != nil {
		t.Fatal(err)
	}
	want := []string{`{"code":"opened"}`, `{"erased":true}`, `{"text":"his"}`, `{"erased":true}`}
	for _, viewer := range []identity.Principal{chattest.Ann, chattest.Rob} {
		for i, e := range n.Log(viewer, id) {
			if string(e.Content) != want[i] || e.Seq != chat.Seq(i+1) {
				t.Errorf("%s sees seq %d as %s, want %s", viewer.Role, e.Seq, e.Content, want[i])
			}
		}
	}
	c, err := n.View(t.Context(), chattest.Rob, id)
	if err != nil || string(c.Last.Content) != `{"erased":true}` {
		t.Errorf("last: %+v, %v", c.Last, err)
	}
	if _, err := n.Send(t.Context(), chattest.Ann, chattest.Text(t, id, "more")); !errors.Is(err, policy.ErrGone) {
		t.Errorf("sending after erasure: %v, want gone", err)
	}
	n.MustSend(chattest.Rob, chattest.Text(t, id, "he goes on"))
}

// R4: the other side's conversation stays readable, under the name that says why.
func TestAnErasedNameIsShownAsDeregistered(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	if err := n.Vault.Destroy(t.Context(), chat.NameKey(id, chattest.Ann.User)); err != nil {
		t.Fatal(err)
	}
	if err := n.Vault.Destroy(t.Context(), chat.BodyKey(id, "")); err != nil { // the title's and the system's
		t.Fatal(err)
	}
	list, err := n.List(t.Context(), chattest.Rob)
	if err != nil || len(list) != 1 {
		t.Fatalf("list: %d, %v", len(list), err)
	}
	if m := list[0].Members[1]; m.Name != chat.ErasedName || m.Masked {
		t.Errorf("shown as %q, masked %v", m.Name, m.Masked)
	}
	if list[0].Title != "" || string(list[0].Last.Content) != `{"erased":true}` {
		t.Errorf("title %q, last %s", list[0].Title, list[0].Last.Content)
	}
}

// A ciphertext opens only where it was put: in its conversation, under its sender, cid and type.
func TestARelabelledEntryDoesNotOpen(t *testing.T) {
	n := start(t)
	id, other := n.NewConversation(), n.NewConversation()
	n.MustSend(chattest.Ann, chattest.Text(t, id, "hello"))
	n.MustSend(chattest.Rob, chattest.Text(t, id, "hi"))
	n.MustSend(chattest.Ann, chattest.Text(t, other, "elsewhere"))
	page, _, err := n.Store.Read(t.Context(), id, chat.Range{After: 1, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	good := page[0]
	if _, err := n.Unseal(t.Context(), good); err != nil {
		t.Fatalf("control: %v", err)
	}
	for name, change := range map[string]func(e *chat.Entry){
		"another conversation": func(e *chat.Entry) { e.Conversation = other },
		"another sender":       func(e *chat.Entry) { e.Sender = chattest.Rob.User },
		"the system":           func(e *chat.Entry) { e.Sender = "" },
		"another cid":          func(e *chat.Entry) { e.CID = page[1].CID },
		"another type":         func(e *chat.Entry) { e.Type = chat.TypeSystem },
		"a flipped bit":        func(e *chat.Entry) { e.Sealed[len(e.Sealed)-1] ^= 1 },
		"another form":         func(e *chat.Entry) { e.Sealed[0] = 9 },
		"cut short":            func(e *chat.Entry) { e.Sealed = e.Sealed[:5] },
		"nothing":              func(e *chat.Entry) { e.Sealed = nil },
	} {
		e := good
		e.Sealed = append([]byte(nil), good.Sealed...)
		change(&e)
		if w, err := n.Unseal(t.Context(), e); err == nil {
			t.Errorf("%s: opened as %s", name, w.Content)
		} else if strings.Contains(err.Error(), "hello") || strings.Contains(err.Error(), "u-ann") {
			t.Errorf("%s: the error tells too much: %v", name, err)
		}
	}
}

func TestTheSameTextIsNeverTheSameCiphertext(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	for range 2 {
		n.MustSend(chattest.Ann, chattest.Text(t, id, "yes"))
	}
	page, _, err := n.Store.Read(t.Context(), id, chat.Range{After: 1, Limit: 2})
	if err != nil || string(page[0].Sealed) == string(page[1].Sealed) {
		t.Errorf("equal ciphertexts, %v", err)
	}
}

// Two users whose ids look like parts of key names have keys of their own.
func TestKeyNamesOfOddUserIDsDoNotMeet(t *testing.T) {
	names := map[string]bool{}
	users := []identity.UserID{"", "a", "member", "member/a", "member%2Fa", "a/b", "%"}
	for _, u := range users {
		names[string(chat.BodyKey("c", u))] = true
		names[string(chat.NameKey("c", u))] = true
	}
	if len(names) != 2*len(users) {
		t.Errorf("%d key names for %d", len(names), 2*len(users))
	}
}

func TestAVaultThatFailsIsNoErasure(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	n.MustSend(chattest.Ann, chattest.Text(t, id, "hello"))
	ctx, cancel := context.WithCancel(t.Context())
	chattest.Eventually(t, "the hub was told", func() bool { return len(n.Hub.Entries()) == 1 })
	cancel()
	if w, err := n.Unseal(ctx, n.Hub.Entries()[0]); err == nil {
		t.Errorf("got %s without a vault", w.Content)
	}
}
