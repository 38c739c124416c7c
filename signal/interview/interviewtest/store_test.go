package interviewtest

import (
	"testing"

	"parley/signal/interview"
)

func TestMemoryIsAStore(t *testing.T) {
	Store(t, func(*testing.T) interview.Store { return &Memory{} })
}
