package sealertest

import (
	"testing"

	"parley/chat/chattest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) func() Stores {
		m := &Memory{Store: &chattest.Memory{}}
		return func() Stores { return Stores{m, m} }
	})
}
