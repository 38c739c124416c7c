package clustertest

import (
	"testing"

	"parley/internal/cluster"
)

func TestMemoryIsAStore(t *testing.T) {
	Store(t, func(*testing.T) cluster.Store { return &Memory{} })
}

func TestACableThatIsNotCutIsAStore(t *testing.T) {
	Store(t, func(*testing.T) cluster.Store { return &Cable{Store: &Memory{}} })
}
