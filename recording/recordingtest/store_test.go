package recordingtest

import (
	"testing"

	"parley/recording"
)

func TestMemoryStoreKeepsTheContract(t *testing.T) {
	Store(t, func(*testing.T) func() recording.Store {
		s := NewStore()
		return func() recording.Store { return s }
	})
}
