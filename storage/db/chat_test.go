package db

import (
	"testing"

	"parley/chat"
	"parley/chat/chattest"
)

func TestChatKeepsTheContract(t *testing.T) {
	chattest.Store(t, func(t *testing.T) chat.Store { return openTest(t).Chat() })
}
