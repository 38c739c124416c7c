package audittest_test

import (
	"testing"

	"parley/internal/audit"
	"parley/internal/audit/audittest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	audittest.Store(t, func(*testing.T) audittest.Opener {
		m := &audittest.Memory{}
		return func() audit.Store { return m }
	})
}
