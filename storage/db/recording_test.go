package db

import (
	"testing"

	"parley/recording"
	"parley/recording/recordingtest"
)

func TestRecordingsKeepTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		recordingtest.Store(t, func(t *testing.T) func() recording.Store {
			open := e.reopener(t)
			return func() recording.Store { return open().Recordings() }
		})
	})
}
