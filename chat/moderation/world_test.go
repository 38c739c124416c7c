package moderation_test

import (
	"os"
	"path/filepath"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/moderation"
	"parley/chat/moderation/moderationtest"
	"parley/internal/identity"
)

// world is a node whose only gate is moderation, over a clock that tests move.
type world struct {
	*chattest.Node
	*moderation.Service
	store  *moderationtest.Memory
	clock  *chattest.Clock
	direct chat.ConversationID // Ann, a candidate, and Rob, a recruiter
	hunted chat.ConversationID // Ann and Hana, a headhunter
}

func newWorld(t *testing.T, c moderation.Config) *world {
	t.Helper()
	w := &world{store: &moderationtest.Memory{}, clock: chattest.NewClock()}
	w.store.Now = w.clock.Now
	w.Node = chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{Now: w.clock.Now})
	c.Store, c.Vault, c.Chat, c.Entries, c.Now = w.store, w.Vault, w.Node.Service, w.Store, w.clock.Now
	w.Service = moderation.New(c)
	w.Use(chat.Neighbours{Gates: []chat.Gate{w.Service}})
	w.direct = w.NewConversation()
	w.hunted = w.Conversation(chattest.Headhunter(), chattest.Founders()[1])
	return w
}

// rules loads a rules file.
func rules(t *testing.T, text string) *moderation.Rules {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, text)
	r, err := moderation.Load(path, moderation.Where{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// moderator and staff are who asks the platform's API.
var moderator = identity.Principal{User: "u-mod", Role: identity.Operator}
