package audittest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"parley/internal/audit"
	"parley/internal/chain"
)

// Opener makes the stores of one test: each call returns one over the same, at first empty log, after the one before
// was closed, as after a restart.
type Opener func() audit.Store

// Store runs the suite. fresh is called once a test.
func Store(t *testing.T, fresh func(t *testing.T) Opener) {
	for name, f := range map[string]func(*testing.T, Opener){
		"AnEmptyLogHasNoLast":           emptyLog,
		"WhatWasAppendedIsReadBack":     readBack,
		"AppendSeesTheLastRecord":       appendSeesLast,
		"ConcurrentAppendsAreInARow":    concurrentAppends,
		"AnErrorInsideStoresNothing":    errorStoresNothing,
		"PagesAreAscendingWithoutGaps":  pages,
		"RecordsSurviveARestart":        survive,
		"AnEndedContextStoresNothing":   endedContext,
		"OddTextsAndBytesAreKeptAsTold": oddTexts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			f(t, fresh(t))
		})
	}
}

// record makes the n-th record; its hashes only differ, they are not computed.
func record(n uint64) audit.Record {
	return audit.Record{
		Seq: n, Time: time.UnixMicro(1_780_000_000_000_000 + int64(n)).UTC(), Role: "operator",
		Action: fmt.Sprint("test.", n), Sealed: []byte{1, byte(n), 0, 255},
		Prev: hash(n - 1), Hash: hash(n),
	}
}

func hash(n uint64) chain.Hash {
	if n == 0 {
		return chain.Hash{}
	}
	return chain.Leaf(fmt.Append(nil, n))
}

// add appends so many records.
func add(t *testing.T, s audit.Store, n int) {
	t.Helper()
	for range n {
		err := s.Append(t.Context(), func(last audit.Record) (audit.Record, error) { return record(last.Seq + 1), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func want(t *testing.T, s audit.Store, n uint64) {
	t.Helper()
	got, err := s.Read(t.Context(), 0, 1_000_000)
	if err != nil || uint64(len(got)) != n {
		t.Fatalf("%d records, %v; want %d", len(got), err, n)
	}
	for i, r := range got {
		if !reflect.DeepEqual(r, record(uint64(i)+1)) {
			t.Errorf("record %d is %+v, want %+v", i+1, r, record(uint64(i)+1))
		}
	}
	last, err := s.Last(t.Context())
	if err != nil || last.Seq != n {
		t.Errorf("the last is %d, %v; want %d", last.Seq, err, n)
	}
}

func emptyLog(t *testing.T, open Opener) {
	s := open()
	if last, err := s.Last(t.Context()); err != nil || !reflect.DeepEqual(last, audit.Record{}) {
		t.Errorf("last %+v, %v; want the zero record", last, err)
	}
	want(t, s, 0)
}

func readBack(t *testing.T, open Opener) {
	s := open()
	add(t, s, 3)
	want(t, s, 3)
}

func appendSeesLast(t *testing.T, open Opener) {
	s := open()
	add(t, s, 1)
	err := s.Append(t.Context(), func(last audit.Record) (audit.Record, error) {
		if !reflect.DeepEqual(last, record(1)) {
			t.Errorf("last is %+v, want %+v", last, record(1))
		}
		return record(2), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func concurrentAppends(t *testing.T, open Opener) {
	s := open()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				err := s.Append(t.Context(), func(last audit.Record) (audit.Record, error) { return record(last.Seq + 1), nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, s, 40)
}

func errorStoresNothing(t *testing.T, open Opener) {
	s, boom := open(), errors.New("boom")
	add(t, s, 1)
	err := s.Append(t.Context(), func(audit.Record) (audit.Record, error) { return record(2), boom })
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	want(t, s, 1)
	add(t, s, 1)
	want(t, s, 2)
}

func pages(t *testing.T, open Opener) {
	s := open()
	add(t, s, 25)
	var seen uint64
	for {
		page, err := s.Read(t.Context(), seen, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if r.Seq != seen+1 {
				t.Fatalf("%d follows %d", r.Seq, seen)
			}
			seen = r.Seq
		}
		if len(page) > 10 {
			t.Fatalf("a page of %d records, want 10 at most", len(page))
		}
		if len(page) == 0 {
			break
		}
	}
	if seen != 25 {
		t.Errorf("%d records seen, want 25", seen)
	}
}

func survive(t *testing.T, open Opener) {
	add(t, open(), 3)
	s := open()
	want(t, s, 3)
	add(t, s, 1)
	want(t, open(), 4)
}

func endedContext(t *testing.T, open Opener) {
	s := open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Append(ctx, func(audit.Record) (audit.Record, error) { return record(1), nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	want(t, s, 0)
}

func oddTexts(t *testing.T, open Opener) {
	s, odd := open(), record(1)
	odd.Role, odd.Action, odd.Sealed = "", "行为 '; DROP TABLE audit; --", make([]byte, 100_000)
	if err := s.Append(t.Context(), func(audit.Record) (audit.Record, error) { return odd, nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Last(t.Context()); err != nil || !reflect.DeepEqual(got, odd) {
		t.Errorf("read back as role %q, action %q, %d bytes, %v", got.Role, got.Action, len(got.Sealed), err)
	}
}
