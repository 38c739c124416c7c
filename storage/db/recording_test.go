package db

import (
	"path/filepath"
	"testing"

	"parley/recording"
	"parley/recording/recordingtest"
)

func TestRecordingsKeepTheContract(t *testing.T) {
	recordingtest.Store(t, func(t *testing.T) func() recording.Store {
		path := filepath.Join(t.TempDir(), "parley.db")
		var d *DB
		return func() recording.Store {
			if d != nil {
				d.Close()
			}
			d = openAt(t, path)
			return d.Recordings()
		}
	})
}
