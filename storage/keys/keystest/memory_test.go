package keystest_test

import (
	"testing"

	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	keystest.Vault(t, func(*testing.T) keystest.Opener {
		v := keystest.New()
		return func() keys.Vault { return v }
	})
}
