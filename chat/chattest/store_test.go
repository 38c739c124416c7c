package chattest

import (
	"testing"

	"parley/chat"
)

func TestTheRefereeKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) chat.Store { return &Memory{} })
}
