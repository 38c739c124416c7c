package sfu

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestOutboxKeepsTheOrderAndEndsAfterTheLast(t *testing.T) {
	o := newOutbox(slog.New(slog.DiscardHandler))
	var got []int
	var wg sync.WaitGroup
	wg.Go(o.run)
	for n := range 1000 {
		o.put(func() { got = append(got, n) })
	}
	o.close()
	o.put(func() { t.Error("called after close") })
	wg.Wait()
	for n := range 1000 {
		if got[n] != n {
			t.Fatalf("call %d was the %d", n, got[n])
		}
	}
}

func TestOutboxIsBoundedAndSaysWhenItIsFull(t *testing.T) {
	var log bytes.Buffer
	o := newOutbox(slog.New(slog.NewTextHandler(&log, nil)))
	called := 0
	for range maxOutbox + 100 {
		o.put(func() { called++ })
	}
	o.close()
	o.run()
	if called != maxOutbox || strings.Count(log.String(), "calls are lost") != 1 {
		t.Errorf("%d of at most %d calls; logged %q", called, maxOutbox, log.String())
	}
}
