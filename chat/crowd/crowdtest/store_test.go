package crowdtest

import (
	"testing"

	"parley/chat/crowd"
)

func TestMemory(t *testing.T) {
	Store(t, func(*testing.T) crowd.Store { return &Memory{} })
}
