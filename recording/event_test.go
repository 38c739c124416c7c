package recording_test

import (
	"testing"

	"parley/internal/outbox"
	"parley/recording"
	"parley/recording/recordingtest"
)

func TestASealedRecordingIsToldOfOnceWhateverTheStoreAnswers(t *testing.T) {
	s := newStudio(t)
	s.again(func(c *recording.Config) { c.Events = true })
	rec := s.start(t)
	failed := false
	s.store.Fault = func(r recording.Row) recordingtest.Fault {
		if r.State == recording.StateSealed && !failed {
			failed = true
			return recordingtest.FailsButPersisted
		}
		return recordingtest.None
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err == nil {
		t.Fatal("the store's failure is not told")
	}
	if err := s.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := s.store.Events()
	if len(told) != 1 || told[0].Kind != outbox.RecordingSealed || told[0].Recording != string(rec.ID()) || told[0].Interview != "i1" {
		t.Errorf("told %+v", told)
	}
}

func TestNothingIsToldUnlessSomebodyListens(t *testing.T) {
	s := newStudio(t)
	stop(t, s.start(t))
	if told := s.store.Events(); len(told) != 0 {
		t.Errorf("told %+v", told)
	}
}
