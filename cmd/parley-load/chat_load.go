package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/wire"
)

// chatLoad is pairs of people of whom the recruiters send.
type chatLoad struct {
	pairs     []pair
	measuring atomic.Bool
	delivered atomic.Int64 // to the candidates, while measuring

	mu   sync.Mutex
	took []time.Duration // of the acks that came while measuring
}

// pair is a conversation and its two sessions.
type pair struct {
	conversation string
	from, to     *client.Session
}

// chatFigures are what came of a load.
type chatFigures struct {
	acked, delivered int64
	p50, p99         time.Duration
	elapsed          time.Duration
	cpu, ours        time.Duration // of the server, and of the clients
}

func (f chatFigures) perMessage(d time.Duration) float64 {
	return rounded(float64(d.Microseconds())/float64(max(f.acked, 1)), 0)
}

func (f chatFigures) perSecond(n int64) float64 { return float64(n) / f.elapsed.Seconds() }

// load signs everybody in, sends for as long as is asked for and measures after a warm-up. A nil server is one whose use
// can't be seen.
func (c chatCommand) load(ctx context.Context, p platform, server *process, inFlight int) (chatFigures, error) {
	defer collectSeldom()()
	l := &chatLoad{}
	defer l.close()
	for n := range c.Senders {
		if err := l.add(ctx, p, n); err != nil {
			return chatFigures{}, err
		}
	}
	sending, stop := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	for _, p := range l.pairs {
		for range inFlight {
			work.Go(func() { stop(l.send(sending, p)) })
		}
	}
	f, err := l.watch(sending, min(warmUp, c.duration()), c.duration(), server)
	stop(errEnough)
	work.Wait()
	if cause := context.Cause(sending); !errors.Is(cause, errEnough) {
		return f, cause
	}
	l.sum(&f)
	return f, err
}

// collectSeldom gives a process of few MB the room for garbage that a server reserves; what it returns takes it back.
func collectSeldom() func() {
	before := debug.SetGCPercent(400)
	return func() { debug.SetGCPercent(before) }
}

// warmUp is how long everything runs before it is measured: caches, pools and the database's plans.
const warmUp = 3 * time.Second

// errEnough ends the senders.
var errEnough = errors.New("measured")

func (l *chatLoad) add(ctx context.Context, p platform, n int) (err error) {
	var one pair
	if one.conversation, err = p.open(ctx, n); err != nil {
		return err
	}
	if one.from, err = p.dial(ctx, n, identity.Recruiter, client.Options{}); err != nil {
		return err
	}
	one.to, err = p.dial(ctx, n, identity.Candidate, client.Options{Push: l.pushed})
	if err != nil {
		return errors.Join(err, one.from.Close())
	}
	l.pairs = append(l.pairs, one)
	return nil
}

func (l *chatLoad) pushed(b wire.Body) {
	if _, ok := b.(wire.ChatEntry); ok && l.measuring.Load() {
		l.delivered.Add(1)
	}
}

func (l *chatLoad) close() {
	var work sync.WaitGroup
	for _, p := range l.pairs {
		work.Go(func() { _, _ = p.from.Close(), p.to.Close() })
	}
	work.Wait()
}

// send says one thing after the other until ctx ends, then returns why it did; otherwise what went wrong.
func (l *chatLoad) send(ctx context.Context, p pair) error {
	var took []time.Duration
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.took = append(l.took, took...)
	}()
	text := strings.Repeat("x", textSize)
	for {
		began := time.Now()
		_, err := p.from.Send(ctx, p.conversation, text)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("send: %w", err)
		}
		if l.measuring.Load() {
			took = append(took, time.Since(began))
		}
	}
}

// watch counts for d, after a while.
func (l *chatLoad) watch(ctx context.Context, after, d time.Duration, server *process) (f chatFigures, err error) {
	if err := pause(ctx, after); err != nil {
		return f, err
	}
	theirs, ours, err := used(server)
	if err != nil {
		return f, err
	}
	began := time.Now()
	l.measuring.Store(true)
	err = pause(ctx, d)
	l.measuring.Store(false)
	f.elapsed = time.Since(began)
	if err != nil {
		return f, err
	}
	f.cpu, f.ours, err = used(server)
	f.cpu, f.ours = f.cpu-theirs, f.ours-ours
	return f, err
}

// sum puts what the senders measured into f, once they have ended.
func (l *chatLoad) sum(f *chatFigures) {
	slices.Sort(l.took)
	f.acked, f.delivered = int64(len(l.took)), l.delivered.Load()
	f.p50, f.p99 = percentile(l.took, 0.5), percentile(l.took, 0.99)
}

// used is the processor time that the server and this process have taken so far; nothing when the server can't be seen.
func used(server *process) (theirs, ours time.Duration, err error) {
	if server == nil {
		return 0, 0, nil
	}
	u, err := server.usage()
	if err != nil {
		return 0, 0, err
	}
	own, err := usageOf(os.Getpid())
	return u.cpu, own.cpu, err
}
