package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/signal/client"
)

// writers is how many write on while everybody comes back.
const writers = 32

// stormLoad is people in pairs.
type stormLoad struct {
	conversations []string
	sessions      []*client.Session
	acked         []atomic.Int64 // by conversation
}

// storm takes the connections of all at one moment.
func (c chatCommand) storm(ctx context.Context) (rows []row, notes []string, err error) {
	server, p, err := c.apart(ctx, "storm")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	l := &stormLoad{sessions: make([]*client.Session, c.Storm)}
	if l.conversations, err = p.openPairs(ctx, (c.Storm+1)/2); err != nil {
		return nil, nil, err
	}
	l.acked = make([]atomic.Int64, len(l.conversations))
	defer l.close()
	if err := l.connect(ctx, p); err != nil {
		return nil, nil, err
	}
	r, err := l.strike(ctx, server)
	return []row{r}, []string{
		"storm: clients come back by themselves, first after 0.1 to 0.2 s; live is who is answered again. Meanwhile some write. Missing: entries acknowledged and not held by somebody of their conversation 10 s later.",
	}, err
}

func (l *stormLoad) connect(ctx context.Context, p platform) error {
	const atOnce = 64
	var next atomic.Int64
	errs := make([]error, atOnce)
	var work sync.WaitGroup
	for i := range atOnce {
		work.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(l.sessions) && errs[i] == nil; n = int(next.Add(1)) - 1 {
				pair, role := sideOf(n)
				l.sessions[n], errs[i] = p.dial(ctx, pair, role, client.Options{Resume: map[string]uint64{l.conversations[pair]: 0}})
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

func (l *stormLoad) close() {
	var work sync.WaitGroup
	for _, s := range l.sessions {
		if s != nil {
			work.Go(func() { _ = s.Close() })
		}
	}
	work.Wait()
}

// strike breaks all connections while some write, and waits until everybody is live.
func (l *stormLoad) strike(ctx context.Context, server *process) (row, error) {
	writing, stop := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	defer func() { stop(errEnough); work.Wait() }()
	for n := range min(writers, len(l.conversations)) {
		work.Go(func() { stop(l.write(writing, n)) })
	}
	before, err := server.usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for _, s := range l.sessions {
		s.Break()
	}
	took, err := l.awaitLive(ctx, began)
	if err != nil {
		return nil, err
	}
	after, err := server.usage()
	if err != nil {
		return nil, err
	}
	_ = pause(ctx, time.Second)
	stop(errEnough)
	work.Wait()
	if cause := context.Cause(writing); !errors.Is(cause, errEnough) {
		return nil, cause
	}
	written, missing := l.missing(ctx)
	return row{
		{"scenario", "storm"},
		{"clients", len(l.sessions)},
		{"live_p50_s", rounded(percentile(took, 0.5).Seconds(), 2)},
		{"live_p99_s", rounded(percentile(took, 0.99).Seconds(), 2)},
		{"all_live_s", rounded(took[len(took)-1].Seconds(), 2)},
		{"written", written},
		{"missing", missing},
		{"server_cpu_ms_per_client", rounded(float64((after.cpu-before.cpu).Microseconds())/1000/float64(len(l.sessions)), 2)},
	}, nil
}

func (l *stormLoad) awaitLive(ctx context.Context, began time.Time) ([]time.Duration, error) {
	took, errs := make([]time.Duration, len(l.sessions)), make([]error, len(l.sessions))
	var work sync.WaitGroup
	for i, s := range l.sessions {
		work.Go(func() {
			at, err := live(ctx, s)
			took[i], errs[i] = at.Sub(began), err
		})
	}
	work.Wait()
	slices.Sort(took)
	return took, errors.Join(errs...)
}

// write sends one text after the other into the n-th conversation until ctx ends, each until it is acknowledged.
func (l *stormLoad) write(ctx context.Context, n int) error {
	for {
		_, err := l.sessions[2*n].Send(context.WithoutCancel(ctx), l.conversations[n], strings.Repeat("x", textSize))
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		l.acked[n].Add(1)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// missing waits up to 10 s until everybody holds all, and says what was written and how much of it is missing somewhere.
func (l *stormLoad) missing(ctx context.Context) (written, missing int64) {
	for range 100 {
		written, missing = 0, 0
		for n := range l.conversations {
			written += l.acked[n].Load()
		}
		for i, s := range l.sessions {
			pair, _ := sideOf(i)
			want := uint64(l.acked[pair].Load()) + 1 // and the opening
			if held := s.Held()[l.conversations[pair]]; held < want {
				missing += int64(want - held)
			}
		}
		if missing == 0 || pause(ctx, 100*time.Millisecond) != nil {
			return written, missing
		}
	}
	return written, missing
}
