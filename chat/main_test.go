package chat_test

import (
	"testing"

	"go.uber.org/goleak"

	"parley/chat"
	"parley/chat/chattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t testing.TB) *chattest.Node {
	return chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{})
}
