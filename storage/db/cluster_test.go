package db

import (
	"testing"

	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
)

func TestClusterKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		clustertest.Store(t, func(t *testing.T) cluster.Store { return e.open(t).Cluster() })
	})
}
