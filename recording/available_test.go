package recording_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"parley/internal/policy"
	"parley/recording"
	"parley/recording/recordingtest"
)

// beside is another node that lives at the same time: a disk of its own, the same rows and objects.
func (s *studio) beside(t *testing.T, node string) *studio {
	t.Helper()
	c := &studio{dir: t.TempDir(), store: s.store, bucket: s.bucket, vault: s.vault, mux: s.mux}
	c.again(func(c *recording.Config) { c.Node = node })
	return c
}

func available(t *testing.T, s *studio, id recording.ID) bool {
	t.Helper()
	one, err := s.Info(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), one.Interview)
	if err != nil || len(list) != 1 || list[0].Available != one.Available {
		t.Errorf("listed as %+v, %v; asked for alone it is available %v", list, err, one.Available)
	}
	return one.Available
}

// refusesForNow expects that everything is refused with a text for people and a time to come back.
func refusesForNow(t *testing.T, s *studio, id recording.ID) {
	t.Helper()
	_, derive := s.Derive(t.Context(), id, alice)
	var out bytes.Buffer
	for what, err := range map[string]error{"derive": derive, "export": s.Export(t.Context(), id, &out)} {
		var r *policy.Refusal
		if !errors.As(err, &r) || r.ID != policy.ErrUnavailable.ID || !r.Retry || r.RetryAfter <= 0 || r.En == policy.ErrUnavailable.En {
			t.Errorf("%s: %v, want a refusal for the time being that says why", what, err)
		}
	}
	if out.Len() != 0 {
		t.Errorf("%d bytes were exported before the refusal", out.Len())
	}
}

var errStoreDown = errors.New("the store is down")

// down fails the calls of one kind.
func down(call recordingtest.Call) func(context.Context, recordingtest.Call, recordingtest.Key) error {
	return func(_ context.Context, c recordingtest.Call, _ recordingtest.Key) error {
		if c == call {
			return errStoreDown
		}
		return nil
	}
}

func TestWhatIsNotStoredYetCanBeReadWhereItLiesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, id := filmed(t)
		other := s.beside(t, "n2")
		s.bucket.Before = down(recordingtest.Put)
		end := s.run(t)
		synctest.Wait() // the upload was tried: the row names objects that the store has not got
		for _, c := range []struct {
			node *studio
			want bool
		}{{s, true}, {other, false}} {
			if got := available(t, c.node, id); got != c.want {
				t.Errorf("available %v, want %v", got, c.want)
			}
		}
		refusesForNow(t, other, id)
		if _, err := other.Derive(t.Context(), id, "mallory"); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("somebody who is not in it: %v", err)
		}
		here := derived(t, s, id, alice)
		end()
		s.bucket.Before = nil
		s.until(t, func() bool { return uploaded(s, id) })
		if !available(t, s, id) || !available(t, other, id) {
			t.Error("stored and not available")
		}
		if there := derived(t, other, id, alice); !bytes.Equal(here, there) {
			t.Errorf("%d bytes on one node, %d others on another: ranges of both make no file", len(here), len(there))
		}
	})
}

func TestAStoreThatIsAwayIsNotAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, id := filmed(t)
		s.until(t, func() bool { return uploaded(s, id) })
		s.bucket.Before = down(recordingtest.Get)
		refusesForNow(t, s, id)
		s.bucket.Before = nil
		for _, key := range s.bucket.Keys() {
			if err := s.bucket.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Export(t.Context(), id, io.Discard); err == nil || errors.Is(err, policy.ErrUnavailable) {
			t.Errorf("objects that were confirmed and are gone: %v, want a fault that is logged", err)
		}
	})
}
