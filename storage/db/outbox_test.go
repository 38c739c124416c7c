package db

import (
	"testing"

	"parley/internal/outbox/outboxtest"
)

func TestTheOutboxKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		outboxtest.Run(t, func(t *testing.T) outboxtest.Store { return e.open(t).Outbox() })
	})
}
