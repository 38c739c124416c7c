package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/audit"
	"parley/internal/audit/audittest"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

var (
	testNow  = time.Date(2026, 7, 1, 8, 30, 0, 123456789, time.UTC)
	operator = identity.Principal{User: "u-operator", Role: identity.Operator}
)

// fixture is a log over a store in memory.
type fixture struct {
	*audit.Log
	store   *audittest.Memory
	vault   *keystest.Memory
	metrics *prometheus.Registry
	now     time.Time
}

func newLog() *fixture {
	f := &fixture{store: &audittest.Memory{}, vault: keystest.New(), metrics: prometheus.NewPedanticRegistry(), now: testNow}
	f.Log = audit.New(f.store, audit.Config{
		Key: func(ctx context.Context) ([32]byte, error) {
			key, err := f.vault.Create(ctx, "field/audit")
			return key, err
		},
		Signer: f.vault, Metrics: f.metrics, Now: func() time.Time { return f.now },
	})
	return f
}

func (f *fixture) record(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		f.now = f.now.Add(time.Second)
		if err := f.Record(t.Context(), operator, "recording.play", fmt.Sprint("r-", i), "range", "0-100"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEntryReadsAsItWasRecorded(t *testing.T) {
	f := newLog()
	if err := f.Record(t.Context(), operator, "session.revoke", "u-7", "reason", "left the company", "by", "ticket 3"); err != nil {
		t.Fatal(err)
	}
	if err := f.Record(t.Context(), identity.Principal{}, "server.start", ""); err != nil {
		t.Fatal(err)
	}
	got, err := f.Read(t.Context(), 0, 10)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d entries, %v; want 2", len(got), err)
	}
	e := got[0]
	if e.Seq != 1 || !e.Time.Equal(testNow.Truncate(time.Microsecond)) || e.Actor != "u-operator" || e.Role != identity.Operator ||
		e.Action != "session.revoke" || e.Object != "u-7" || e.Detail["reason"] != "left the company" || e.Detail["by"] != "ticket 3" {
		t.Errorf("first entry %+v", e)
	}
	if e := got[1]; e.Seq != 2 || e.Actor != "" || e.Role != "" || e.Action != "server.start" || e.Prev != got[0].Hash {
		t.Errorf("second entry %+v", e)
	}
}

func TestNothingOfAPersonIsStoredInTheClear(t *testing.T) { // A4
	f := newLog()
	p := identity.Principal{User: "canary-actor", Role: identity.Candidate}
	if err := f.Record(t.Context(), p, "recording.play", "canary-object", "canary-key", "canary-value"); err != nil {
		t.Fatal(err)
	}
	records, err := f.store.Read(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%+v %s", records, records[0].Sealed)
	if strings.Contains(shown, "canary") {
		t.Error("the stored record shows what it should seal")
	}
	if !strings.Contains(shown, "recording.play") {
		t.Error("the control: the action should show")
	}
}

func TestTheSameEntryTwiceLooksDifferent(t *testing.T) {
	f := newLog()
	f.record(t, 1)
	f.record(t, 1)
	records, _ := f.store.Read(t.Context(), 0, 2)
	if string(records[0].Sealed) == string(records[1].Sealed) {
		t.Error("equal entries can be told by their ciphertext")
	}
}

func TestAnEntryThatCouldNotBeStoredIsAnError(t *testing.T) { // A3
	for name, fault := range map[string]audittest.Fault{"fails": audittest.Fails, "fails but persists": audittest.FailsButPersists} {
		t.Run(name, func(t *testing.T) {
			f := newLog()
			f.record(t, 2)
			f.store.Break(fault)
			if err := f.Record(t.Context(), operator, "recording.play", "r-9"); !errors.Is(err, audittest.ErrBroken) {
				t.Fatalf("error %v, want %v", err, audittest.ErrBroken)
			}
			f.store.Break(audittest.None)
			f.record(t, 2)
			if err := f.Verify(t.Context()); err != nil {
				t.Errorf("the chain is broken: %v", err)
			}
			want := 4
			if fault == audittest.FailsButPersists {
				want = 5
			}
			if got, err := f.Read(t.Context(), 0, 10); err != nil || len(got) != want {
				t.Errorf("%d entries, %v; want %d", len(got), err, want)
			}
			if entries, failures := f.counter(t, "parley_audit_entries_total"), f.counter(t, "parley_audit_failures_total"); entries != 4 || failures != 1 {
				t.Errorf("%v entries and %v failures counted, want 4 and 1", entries, failures)
			}
		})
	}
}

func TestWithoutAKeyNothingIsRecorded(t *testing.T) {
	f := newLog()
	if err := f.vault.Destroy(t.Context(), "field/audit"); err != nil {
		t.Fatal(err)
	}
	if err := f.Record(t.Context(), operator, "recording.play", "r-1"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("error %v, want %v", err, keys.ErrDestroyed)
	}
}

func TestAnEntryBeyondTheLimitsIsRefused(t *testing.T) {
	f := newLog()
	for name, record := range map[string]func() error{
		"no action":   func() error { return f.Record(t.Context(), operator, "", "x") },
		"long action": func() error { return f.Record(t.Context(), operator, strings.Repeat("a", audit.MaxAction+1), "x") },
		"long object": func() error { return f.Record(t.Context(), operator, "a", strings.Repeat("o", audit.MaxObject+1)) },
		"long detail": func() error {
			return f.Record(t.Context(), operator, "a", "x", "k", strings.Repeat("v", audit.MaxDetail))
		},
		"half a detail":  func() error { return f.Record(t.Context(), operator, "a", "x", "k") },
		"broken UTF-8":   func() error { return f.Record(t.Context(), operator, "a\xff", "x") },
		"broken UTF-8 2": func() error { return f.Record(t.Context(), operator, "a", "x\xff") },
	} {
		if err := record(); err == nil {
			t.Errorf("%s: recorded", name)
		}
	}
	if got, _ := f.Read(t.Context(), 0, 10); len(got) > 0 {
		t.Errorf("%d entries stand", len(got))
	}
}

func TestAClockThatWasSetBackDoesNotTurnTheLogRound(t *testing.T) {
	f := newLog()
	f.record(t, 1)
	f.now = f.now.Add(-time.Hour)
	f.record(t, 1)
	if err := f.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConcurrentEntriesMakeOneChain(t *testing.T) {
	f := newLog()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if err := f.Record(t.Context(), operator, "recording.play", "r-1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := f.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if head, err := f.Head(t.Context()); err != nil || head.Seq != 160 {
		t.Errorf("head at %d, %v; want 160", head.Seq, err)
	}
}

func TestTheChainVerifiesAfterItsKeyWasDestroyed(t *testing.T) {
	f := newLog()
	f.record(t, 5)
	if err := f.vault.Destroy(t.Context(), "field/audit"); err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(t.Context(), 0, 10); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("read: %v, want %v", err, keys.ErrDestroyed)
	}
}

func TestTamperingIsFoundAtTheFirstWrongEntry(t *testing.T) {
	type records = []audit.Record
	for name, test := range map[string]struct {
		tamper func(records) records
		seq    uint64
	}{
		"time":             {func(r records) records { r[4].Time = r[4].Time.Add(time.Microsecond); return r }, 5},
		"role":             {func(r records) records { r[4].Role = "candidate"; return r }, 5},
		"action":           {func(r records) records { r[4].Action = "recording.list"; return r }, 5},
		"sealed":           {func(r records) records { r[4].Sealed = flip(r[4].Sealed); return r }, 5},
		"sealed cut":       {func(r records) records { r[4].Sealed = r[4].Sealed[:10]; return r }, 5},
		"prev":             {func(r records) records { r[4].Prev[0] ^= 1; return r }, 5},
		"hash":             {func(r records) records { r[4].Hash[31] ^= 1; return r }, 5},
		"first entry":      {func(r records) records { r[0].Action = "x"; return r }, 1},
		"last entry":       {func(r records) records { r[9].Action = "x"; return r }, 10},
		"first left out":   {func(r records) records { return r[1:] }, 1},
		"one left out":     {func(r records) records { return append(r[:4:4], r[5:]...) }, 5},
		"left out, closed": {func(r records) records { r = append(r[:4:4], r[5:]...); r[4].Seq = 5; return r }, 5},
		"swapped":          {func(r records) records { r[4], r[5] = r[5], r[4]; r[4].Seq, r[5].Seq = 5, 6; return r }, 5},
		"repeated":         {func(r records) records { again := r[9]; again.Seq = 11; return append(r, again) }, 11},
		"field moved over": {func(r records) records { r[4].Role, r[4].Action = r[4].Role+"r", "ecording.play"; return r }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLog()
			f.record(t, 10)
			if err := f.Verify(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			f.store.Tamper(test.tamper)
			var found *audit.Tampered
			if err := f.Verify(t.Context()); !errors.As(err, &found) || found.Seq != test.seq {
				t.Errorf("found %v, want entry %d", err, test.seq)
			}
		})
	}
}

func TestAnEndThatWasCutOffIsFoundByAHead(t *testing.T) {
	f := newLog()
	f.record(t, 5)
	early := f.head(t)
	f.record(t, 5)
	late := f.head(t)
	if err := f.Verify(t.Context(), early, late); err != nil {
		t.Fatalf("before: %v", err)
	}
	f.store.Tamper(func(r []audit.Record) []audit.Record { return r[:7] })
	if err := f.Verify(t.Context(), early); err != nil {
		t.Errorf("held against a head from before the cut: %v", err)
	}
	var found *audit.Tampered
	if err := f.Verify(t.Context(), early, late); !errors.As(err, &found) || found.Seq != 8 {
		t.Errorf("found %v, want entry 8", err)
	}
}

func TestALogThatWasWrittenAnewIsFoundByAHead(t *testing.T) {
	f, other := newLog(), newLog()
	f.record(t, 5)
	head := f.head(t)
	other.record(t, 8)
	forged, err := other.store.Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	f.store.Tamper(func([]audit.Record) []audit.Record { return forged })
	if err := f.Verify(t.Context()); err != nil {
		t.Fatalf("by itself another log is whole: %v", err)
	}
	var found *audit.Tampered
	if err := f.Verify(t.Context(), head); !errors.As(err, &found) || found.Seq != 5 {
		t.Errorf("found %v, want entry 5", err)
	}
	if _, err := f.Read(t.Context(), 0, 100); err == nil {
		t.Error("entries sealed by another key were read")
	}
}

// Who can write to the database may compute hashes anew, but not the seals: each is bound to its place.
func TestAnEntryDoesNotReadInAnotherPlace(t *testing.T) {
	f := newLog()
	f.record(t, 3)
	f.store.Tamper(func(r []audit.Record) []audit.Record {
		r[1].Sealed = r[2].Sealed
		return r
	})
	if _, err := f.Read(t.Context(), 1, 1); err == nil {
		t.Error("an entry reads in the place of another")
	}
	if _, err := f.Read(t.Context(), 2, 1); err != nil {
		t.Errorf("in its own place: %v", err)
	}
}

func TestHeadsAreSigned(t *testing.T) {
	f := newLog()
	f.record(t, 3)
	h := f.head(t)
	pub, err := f.vault.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Verify(pub); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*audit.Head){
		"seq": func(h *audit.Head) { h.Seq++ }, "hash": func(h *audit.Head) { h.Hash[0] ^= 1 },
		"time": func(h *audit.Head) { h.Time = h.Time.Add(time.Microsecond) },
	} {
		forged := h
		change(&forged)
		if err := forged.Verify(pub); !errors.Is(err, chain.ErrBadSignature) {
			t.Errorf("%s changed: %v, want %v", name, err, chain.ErrBadSignature)
		}
	}
}

func TestALongLogIsVerifiedInPages(t *testing.T) {
	f := newLog()
	f.record(t, 1200)
	if err := f.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.store.Tamper(func(r []audit.Record) []audit.Record { r[1100].Action = "x"; return r })
	var found *audit.Tampered
	if err := f.Verify(t.Context()); !errors.As(err, &found) || found.Seq != 1101 {
		t.Errorf("found %v, want entry 1101", err)
	}
}

func flip(b []byte) []byte {
	b = append([]byte(nil), b...)
	b[len(b)/2] ^= 1
	return b
}

func (f *fixture) head(t *testing.T) audit.Head {
	t.Helper()
	h, err := f.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// counter reads a counter without labels.
func (f *fixture) counter(t *testing.T, name string) float64 {
	t.Helper()
	families, err := f.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
