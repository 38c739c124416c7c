package privacytest

import (
	"testing"

	"parley/internal/privacy"
)

func TestMemoryIsAStore(t *testing.T) {
	Store(t, func(*testing.T) privacy.Store { return &Memory{} })
}
