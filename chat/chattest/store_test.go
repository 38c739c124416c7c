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

func TestTheRefereeTellsOfWhatWasPlaced(t *testing.T) {
	Events(t, func(*testing.T) (chat.Store, Outbox) {
		m := &Memory{}
		return m, m.Events
	})
}

func TestTheServiceOverTheReferee(t *testing.T) {
	Service(t, func(*testing.T) chat.Store { return &Memory{} })
}
