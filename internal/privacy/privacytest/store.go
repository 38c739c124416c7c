package privacytest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strconv"
	"sync"
	"testing"
	"time"

	"parley/internal/policy"
	"parley/internal/privacy"
)

// Store runs what every Store must do on stores made by open, each empty.
func Store(t *testing.T, open func(*testing.T) privacy.Store) {
	for name, test := range map[string]func(*testing.T, privacy.Store){
		"last is of exactly that matter":        lastOfMatter,
		"entries come back as they went in":     roundTrip,
		"history pages ascend without a hole":   historyPages,
		"concurrent entries get different seqs": concurrentAppend,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// entry makes an entry of the named subject; n tells entries apart.
func entry(subject, context string, k privacy.Kind, n int) privacy.Entry {
	return privacy.Entry{
		Subject: privacy.Hash(sha256.Sum256([]byte(subject))), Purpose: policy.InterviewRecording, Context: context, Kind: k,
		Version: "interview-recording@" + strconv.Itoa(n), Sealed: []byte{0, byte(n), 255},
		Time: time.Date(2026, 5, 1, 8, 0, n, 123456000, time.UTC),
	}
}

func add(t *testing.T, s privacy.Store, e privacy.Entry) uint64 {
	t.Helper()
	seq, err := s.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func lastOfMatter(t *testing.T, s privacy.Store) {
	first := entry("ann", "one", privacy.Agreed, 1)
	add(t, s, first)
	want := add(t, s, entry("ann", "one", privacy.Withdrawn, 2))
	for _, other := range []privacy.Entry{entry("ann", "two", privacy.Agreed, 3), entry("bob", "one", privacy.Agreed, 4),
		entry("ann", "", privacy.Agreed, 5)} {
		add(t, s, other)
	}
	policyEntry := entry("ann", "one", privacy.Agreed, 6)
	policyEntry.Purpose = policy.PrivacyPolicy
	add(t, s, policyEntry)
	got, found, err := s.Last(t.Context(), first.Subject, first.Purpose, "one")
	if err != nil || !found || got.Seq != want || got.Kind != privacy.Withdrawn {
		t.Errorf("last is seq %d %q, found %v, err %v; want seq %d", got.Seq, got.Kind, found, err, want)
	}
	if _, found, err := s.Last(t.Context(), first.Subject, first.Purpose, "three"); found || err != nil {
		t.Errorf("a matter never decided: found %v, err %v", found, err)
	}
}

func roundTrip(t *testing.T, s privacy.Store) {
	want := entry("ann", "one", privacy.Agreed, 1)
	want.Seq = add(t, s, want)
	got, _, err := s.Last(t.Context(), want.Subject, want.Purpose, want.Context)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Sealed, want.Sealed) || !got.Time.Equal(want.Time) || got.Version != want.Version || got.Seq != want.Seq ||
		got.Subject != want.Subject || got.Purpose != want.Purpose || got.Context != want.Context || got.Kind != want.Kind {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func historyPages(t *testing.T, s privacy.Store) {
	for n := range 7 {
		add(t, s, entry("ann", strconv.Itoa(n), privacy.Agreed, n))
		add(t, s, entry("bob", strconv.Itoa(n), privacy.Agreed, n))
	}
	ann := entry("ann", "", privacy.Agreed, 0).Subject
	var got []privacy.Entry
	for after := uint64(0); ; after = got[len(got)-1].Seq {
		page, err := s.History(t.Context(), ann, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 3 {
			t.Fatalf("a page of %d", len(page))
		}
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
	}
	if len(got) != 7 {
		t.Fatalf("%d entries, want 7", len(got))
	}
	for n, e := range got {
		if e.Context != strconv.Itoa(n) || e.Subject != ann {
			t.Errorf("entry %d is of context %q", n, e.Context)
		}
	}
}

func concurrentAppend(t *testing.T, s privacy.Store) {
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			seq, err := s.Append(context.WithoutCancel(t.Context()), entry("ann", "one", privacy.Agreed, n))
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[seq] {
				t.Errorf("seq %d, err %v", seq, err)
			}
			seen[seq] = true
		})
	}
	all.Wait()
	if len(seen) != 20 {
		t.Errorf("%d seqs, want 20", len(seen))
	}
}
