package db

import (
	"errors"
	"testing"
	"time"

	"parley/internal/outbox"
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

func TestASealedRecordingsEventIsCommittedWithItsRow(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		id := recording.NewID()
		sealed, err := outbox.Sealed(string(id), "i1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		row := recording.Row{ID: id, Interview: "i1", Node: "n1", State: recording.StateSealed, Epoch: 2, Event: sealed}
		stale := row
		stale.Epoch, stale.Event.ID = 1, "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"
		for _, save := range []struct {
			row  recording.Row
			want error
		}{{row, nil}, {row, nil}, {stale, recording.ErrFenced}} {
			if err := d.Recordings().Save(t.Context(), save.row); !errors.Is(err, save.want) {
				t.Fatalf("save: %v, want %v", err, save.want)
			}
		}
		claimed, err := d.Outbox().Claim(t.Context(), 10, time.Minute)
		if err != nil || len(claimed) != 1 || claimed[0].Event != sealed {
			t.Errorf("in the outbox: %+v, %v", claimed, err)
		}
	})
}
