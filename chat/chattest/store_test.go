package chattest

import (
	"testing"

	"go.uber.org/goleak"

	"parley/chat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheRefereeKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) chat.Store { return &Memory{} })
}

func TestTheServiceOverTheReferee(t *testing.T) {
	Service(t, func(*testing.T) chat.Store { return &Memory{} })
}
