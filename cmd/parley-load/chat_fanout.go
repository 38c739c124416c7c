package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/wire"
)

// speakers say what is said in a room: enough that none is faster than one person may be.
const speakers = 128

// sampled is every how many subscribers one takes the delay of what it is given.
const sampled = 16

// fanLoad is one room.
type fanLoad struct {
	room       string
	measuring  atomic.Bool
	deliveries atomic.Int64
	said       atomic.Int64

	mu   sync.Mutex
	took []time.Duration
}

// fanOut has some people talk in a room of many.
func (c chatCommand) fanOut(ctx context.Context) (rows []row, notes []string, err error) {
	server, p, err := c.apart(ctx, "fan-out")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	l := &fanLoad{}
	var opened struct{ ID string }
	if err := p.post(ctx, "/v1/crowds", map[string]any{"key": p.run}, &opened); err != nil {
		return nil, nil, fmt.Errorf("open room: %w", err)
	}
	l.room = opened.ID
	all, err := gather(c.Subscribers, func(n int) (*listener, error) {
		return p.listen(ctx, n, identity.Candidate, l.ear(n%sampled == 0), wire.CrowdJoin{Room: l.room})
	})
	if err != nil {
		return nil, nil, err
	}
	defer all.close()
	r, err := c.talk(ctx, p, l, server)
	return []row{r}, []string{"fan-out: a delivery is one entry given to one subscriber; the server has a processor of its own where there are two. Everything is stored before it is shown."}, err
}

var (
	entryMark = []byte(`{"seq":`)
	textMark  = []byte(`{"text":"`)
)

// ear counts the entries of a message, and takes their delays.
func (l *fanLoad) ear(sample bool) func([]byte) {
	return func(message []byte) {
		if !l.measuring.Load() {
			return
		}
		l.deliveries.Add(int64(bytes.Count(message, entryMark)))
		if sample {
			l.sample(message, time.Now())
		}
	}
}

// sample takes the delays of the entries: each text begins with when it was said.
func (l *fanLoad) sample(message []byte, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		_, rest, found := bytes.Cut(message, textMark)
		if !found {
			return
		}
		number, _, _ := bytes.Cut(rest, []byte(" "))
		if at, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			l.took = append(l.took, now.Sub(time.Unix(0, at)))
		}
		message = rest
	}
}

// talk has the speakers talk, and measures after a warm-up.
func (c chatCommand) talk(ctx context.Context, p platform, l *fanLoad, server *process) (row, error) {
	talking, stop := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	defer func() { stop(errEnough); work.Wait() }()
	for n := range speakers {
		s, err := p.dial(ctx, c.Subscribers+n, identity.Candidate, client.Options{})
		if err != nil {
			return nil, err
		}
		defer s.Close()
		work.Go(func() { stop(c.speak(talking, l, s, n)) })
	}
	if err := pause(talking, warmUp); err != nil {
		return nil, context.Cause(talking)
	}
	before, err := server.usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	l.measuring.Store(true)
	err = pause(talking, c.duration())
	l.measuring.Store(false)
	elapsed := time.Since(began)
	if err != nil {
		return nil, context.Cause(talking)
	}
	after, err := server.usage()
	if err != nil {
		return nil, err
	}
	return l.row(c, elapsed, after.cpu-before.cpu), nil
}

func (l *fanLoad) row(c chatCommand, elapsed, cpu time.Duration) row {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.took)
	n := max(l.deliveries.Load(), 1)
	return row{
		{"scenario", "fan_out"},
		{"subscribers", c.Subscribers},
		{"said_per_s", rounded(float64(l.said.Load())/elapsed.Seconds(), 0)},
		{"deliveries_per_s", rounded(float64(n)/elapsed.Seconds(), 0)},
		{"cpu_us_per_delivery", rounded(float64(cpu.Nanoseconds())/1000/float64(n), 2)},
		{"delivery_p50_ms", milliseconds(percentile(l.took, 0.5))},
		{"delivery_p99_ms", milliseconds(percentile(l.took, 0.99))},
		{"server_cpu_pct", rounded(100*cpu.Seconds()/elapsed.Seconds(), 0)},
	}
}

// speak says its share of what is said, each when its moment has come, until ctx ends; it waits for no ack before the next.
func (c chatCommand) speak(ctx context.Context, l *fanLoad, s *client.Session, n int) error {
	every := time.Duration(float64(time.Second) * speakers / float64(c.Rate))
	if err := pause(ctx, every*time.Duration(n)/speakers); err != nil {
		return context.Cause(ctx)
	}
	tick := time.NewTicker(every) // from its own moment, so that they don't all speak at once
	defer tick.Stop()
	for {
		content, err := json.Marshal(wire.TextContent{Text: fmt.Sprintf("%d 什么时候开始校招？", time.Now().UnixNano())})
		if err != nil {
			return err
		}
		_, err = client.Ask[wire.CrowdAck](ctx, s, wire.CrowdSay{Room: l.room, CID: uuid.Must(uuid.NewV7()).String(), Type: "text", Content: content})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("say: %w", err)
		}
		if l.measuring.Load() {
			l.said.Add(1)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
