package outboxtest_test

import (
	"testing"

	"parley/internal/outbox/outboxtest"
)

func TestTheMemoryStoreKeepsTheContract(t *testing.T) {
	outboxtest.Run(t, func(*testing.T) outboxtest.Store { return &outboxtest.Memory{} })
}
