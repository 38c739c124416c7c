package db

import (
	"testing"

	"parley/chat/crowd"
	"parley/chat/crowd/crowdtest"
)

func TestCrowd(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		crowdtest.Store(t, func(t *testing.T) crowd.Store { return e.open(t).Crowd() })
	})
}
