package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/chat/chattest"
	"parley/signal/client"
	"parley/signal/wire"
)

// historyTime is how long faults go on unless PARLEY_HISTORY says otherwise.
const historyTime = time.Minute

// TestHistoryOnOneNode has three devices of two people chat through a node that is alone, on SQLite.
func TestHistoryOnOneNode(t *testing.T) { historyOf(t, startAlone) }

// TestHistoryOnTwoNodes has them chat through two nodes with PostgreSQL and Redis, each coming back to either.
func TestHistoryOnTwoNodes(t *testing.T) { historyOf(t, startNodes) }

// historyOf has them chat while nodes and engines are killed, stopped, paused and started, a line goes dead and a client
// stops to read. Nothing acknowledged may be lost or doubled, and all must see the same. PARLEY_SEED repeats the faults of a run.
func historyOf(t *testing.T, start func(*testing.T) *nodes) {
	t.Parallel() // they mostly wait
	seed, long := uint64(time.Now().UnixNano()), historyTime
	var err error
	if s := os.Getenv("PARLEY_SEED"); s != "" {
		seed, err = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("PARLEY_HISTORY"); s != "" && err == nil {
		long, err = time.ParseDuration(s)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("PARLEY_SEED=%d", seed)
	n := start(t)
	w := &world{nodes: n, random: rand.New(rand.NewPCG(seed, 1)), conversation: n.all[0].at.Conversation, long: long, faults: map[string]int{}}
	for i, seat := range []string{"recruiter", "candidate", "candidate"} {
		w.sit(fmt.Sprintf("%s %d", seat, i), seat, seed+uint64(i))
	}
	ctx, stop := context.WithTimeout(t.Context(), long)
	defer stop()
	var writers sync.WaitGroup
	for _, d := range w.devices {
		writers.Go(func() { d.write(ctx) })
	}
	for ctx.Err() == nil {
		w.fault()
		w.pause(ctx, 500, 1500)
	}
	writers.Wait()
	w.settle()
	if err := w.history.Check(); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	t.Logf("faults in %v: %v", long, w.faults)
}

// world is what the test is about. The test's goroutine makes the faults.
type world struct {
	*nodes
	random       *rand.Rand
	long         time.Duration
	conversation string
	history      chattest.History
	devices      []*device
	faults       map[string]int
}

// device is one client.
type device struct {
	*world
	name, user string
	random     *rand.Rand // of its writer
	session    *client.Session
	line       line
	wrote      int
}

func (w *world) sit(name, seat string, seed uint64) {
	w.t.Helper()
	d := &device{world: w, name: name, user: w.all[0].at.Users[seat].ID, random: rand.New(rand.NewPCG(seed, 2))}
	s, err := client.Dial(w.t.Context(), "ws://nodes/v1/ws", w.all[0].at.Users[seat].Token, client.Options{
		Device: name, HTTP: w.through(w.either(seed), &d.line), Delay: 50 * time.Millisecond, MaxDelay: 500 * time.Millisecond,
		Resume: map[string]uint64{w.conversation: 0}, Push: d.see})
	if err != nil {
		w.t.Fatal(err)
	}
	d.session = s
	w.t.Cleanup(func() { _ = s.Close() })
	w.devices = append(w.devices, d)
}

// either is a load balancer's choice between the nodes.
func (w *world) either(seed uint64) func() int {
	var mu sync.Mutex // a dial that was given up may be under way still
	random := rand.New(rand.NewPCG(seed, 3))
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(len(w.all))
	}
}

func (d *device) see(b wire.Body) {
	switch b := b.(type) {
	case wire.ChatEntry:
		if b.Conversation == d.conversation {
			d.history.Saw(d.name, b.Entry)
		}
	case wire.ChatCursor:
		d.history.Cursor(d.name, b)
	case wire.ChatTruncated:
		d.t.Errorf("%s: truncated at %d of %d", d.name, b.From, b.Head)
	}
}

// write writes, marks and at times sends again what was acknowledged, until ctx ends. What was begun is finished.
func (d *device) write(ctx context.Context) {
	whole, cancel := context.WithTimeout(d.t.Context(), d.long+startTime)
	defer cancel()
	for ctx.Err() == nil {
		f, err := client.Text(d.conversation, fmt.Sprintf("%s writes %d %s", d.name, d.wrote, strings.Repeat(".", d.random.IntN(1<<d.random.IntN(13)))))
		if err != nil {
			d.t.Error(err)
			return
		}
		d.history.Sent(d.conversation, d.user, f.CID, f.Content)
		for range 1 + d.random.IntN(10)/9 { // one in ten twice
			ack, err := d.session.Submit(whole, f)
			if err != nil {
				d.t.Errorf("%s writes: %v (session: %v)", d.name, err, d.session.Err())
				return
			}
			d.history.Acked(d.user, ack)
		}
		d.wrote++
		if held := d.session.Held()[d.conversation]; d.random.IntN(4) == 0 {
			_, _ = d.session.Do(ctx, wire.ChatMark{Conversation: d.conversation, Delivered: held, Read: held / 2}) // lost is lost
		}
		pause(ctx, time.Duration(20+d.random.IntN(200))*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// pause waits between least and most milliseconds.
func (w *world) pause(ctx context.Context, least, most int) {
	pause(ctx, time.Duration(least+w.random.IntN(most-least))*time.Millisecond)
}

// breakdown is something that goes wrong; heal puts it right.
type breakdown struct {
	engines bool // only with engines
	make    func(w *world) (what string, heal func())
}

var breakdowns = []breakdown{
	{make: func(w *world) (string, func()) { return w.ends(w.any(), syscall.SIGKILL) }},
	{make: func(w *world) (string, func()) { return w.ends(w.any(), syscall.SIGTERM) }},
	{make: func(w *world) (string, func()) { return w.pauses(w.any()) }},
	{make: (*world).breaks},
	{make: func(w *world) (string, func()) { return w.spoils(deaf, "a black hole") }},
	{make: func(w *world) (string, func()) { return w.spoils(stuck, "does not read") }},
	{engines: true, make: func(w *world) (string, func()) { return w.kills("redis", w.redis) }},
	{engines: true, make: func(w *world) (string, func()) { return w.kills("postgres", w.postgres) }},
	{engines: true, make: (*world).killsAll},
}

// any is one of the nodes.
func (w *world) any() int { return w.random.IntN(len(w.all)) }

// fault makes one fault or two at once, lasting up to three seconds, and heals them: engines first, nodes need them.
func (w *world) fault() {
	possible := slices.DeleteFunc(slices.Clone(breakdowns), func(b breakdown) bool { return b.engines && w.postgres == nil })
	var heals []func()
	for _, i := range w.random.Perm(len(possible))[:1+w.random.IntN(2)] {
		what, heal := possible[i].make(w)
		w.t.Log(what)
		w.faults[what]++
		heals = append(heals, heal)
		w.pause(w.t.Context(), 1, 200)
	}
	w.pause(w.t.Context(), 100, 3000)
	for _, heal := range heals {
		heal()
	}
	for i := range w.all {
		if w.all[i].cmd == nil {
			w.start(i)
		}
	}
}

func (w *world) ends(i int, sig syscall.Signal) (string, func()) {
	_ = w.end(i, sig)
	return fmt.Sprintf("node %d: %v", i, sig), func() {}
}

func (w *world) spoils(how int32, what string) (string, func()) {
	d := w.devices[w.random.IntN(len(w.devices))]
	return d.name + ": " + what, d.line.spoil(how)
}

func (w *world) killsAll() (string, func()) {
	for i := range w.all {
		w.ends(i, syscall.SIGKILL)
	}
	return "all nodes: killed", func() {}
}

func (w *world) pauses(i int) (string, func()) {
	one := w.all[i]
	if one.cmd == nil {
		return fmt.Sprintf("node %d: gone already", i), func() {}
	}
	_ = one.cmd.Process.Signal(syscall.SIGSTOP)
	return fmt.Sprintf("node %d: paused", i), func() {
		if one.cmd != nil {
			_ = one.cmd.Process.Signal(syscall.SIGCONT)
		}
	}
}

// mortal is an engine that can be killed and started again.
type mortal interface {
	Kill() error
	Start(context.Context) error
}

func (w *world) kills(name string, e mortal) (string, func()) {
	if err := e.Kill(); err != nil {
		w.t.Error(err)
	}
	return name + ": killed", func() {
		if err := e.Start(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) breaks() (string, func()) {
	for _, d := range w.devices {
		d.session.Break()
	}
	return "all connections: broken", func() {}
}

// settle waits until all devices hold all of the log, which is then the same by both nodes.
func (w *world) settle() {
	w.t.Helper()
	log := w.readLog(0)
	if other := w.readLog(len(w.all) - 1); len(other) != len(log) {
		w.t.Errorf("the nodes' logs have %d and %d entries", len(log), len(other))
	}
	w.history.Log(w.conversation, log)
	wrote := 1
	for _, d := range w.devices {
		wrote += d.wrote
		for deadline := time.Now().Add(startTime); d.session.Held()[w.conversation] < uint64(len(log)); {
			if time.Now().After(deadline) {
				w.t.Errorf("%s holds %d of %d entries", d.name, d.session.Held()[w.conversation], len(log))
				break
			}
			pause(w.t.Context(), 20*time.Millisecond)
		}
	}
	if len(log) != wrote {
		w.t.Errorf("%d entries in the log, want %d", len(log), wrote)
	}
	w.t.Logf("%d entries", len(log))
}

func (w *world) readLog(i int) (log []wire.Entry) {
	w.t.Helper()
	s, err := client.Dial(w.t.Context(), "ws://nodes/v1/ws", w.all[0].at.Users["recruiter"].Token,
		client.Options{HTTP: w.through(func() int { return i }, &line{})})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	for {
		page, err := client.Ask[wire.ChatPage](w.t.Context(), s, wire.ChatRead{Conversation: w.conversation, After: uint64(len(log)), Limit: 200})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(page.Entries) == 0 {
			return log
		}
		log = append(log, page.Entries...)
	}
}
