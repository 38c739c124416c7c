package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// impatience is from when on a second signal is meant as one: supervisors and shells send the first one twice.
const impatience = 2 * time.Second

// hurry is closed when who stops the program will not wait for it to drain.
type hurry <-chan struct{}

// untilSignal gives a context that ends with the first signal, and what a second one says. A third one ends the program
// at once, by the signals' default action.
func untilSignal() (context.Context, hurry, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, now, done := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		if !came(signals, done) {
			return
		}
		first := time.Now()
		cancel()
		for came(signals, done) {
			if time.Since(first) > impatience {
				close(now)
				return
			}
		}
	}()
	return ctx, now, func() {
		cancel()
		close(done)
	}
}

func came(signals <-chan os.Signal, done <-chan struct{}) bool {
	select {
	case <-signals:
		return true
	case <-done:
		return false
	}
}
