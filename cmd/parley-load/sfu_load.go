package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"parley/signal/sfu"
	"parley/signal/wire"
)

// sfuLoad is a room full of clients.
type sfuLoad struct {
	server *process
	meter  *meter
	pump   *pump
	counts chan counters
	failed chan error // of the goroutines below, the first
	wg     sync.WaitGroup
	stop   context.CancelFunc // of the pump

	mu    sync.Mutex // of what follows and of the server's input
	peers map[sfu.PeerID]*peer
	out   *json.Encoder
}

func newSfuLoad(server *process) *sfuLoad {
	l := &sfuLoad{server: server, meter: newMeter(), counts: make(chan counters, 1), failed: make(chan error, 1),
		peers: map[sfu.PeerID]*peer{}, out: json.NewEncoder(server.input), stop: func() {}}
	l.wg.Go(l.listen)
	return l
}

// listen takes what the server says until it ends.
func (l *sfuLoad) listen() {
	for {
		line, err := l.server.lines.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read signalling: %w", err)
			}
			l.fail(err)
			return
		}
		if err := l.hear(line); err != nil {
			l.fail(err)
		}
	}
}

func (l *sfuLoad) hear(line []byte) error {
	var s signalling
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("read signalling: %w", err)
	}
	if s.Count != nil {
		l.counts <- *s.Count
		return nil
	}
	l.mu.Lock()
	p := l.peers[s.Peer]
	l.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.take(s.Frame)
}

func (l *sfuLoad) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

func (l *sfuLoad) tell(s signalling) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.out.Encode(s); err != nil {
		return fmt.Errorf("write signalling: %w", err)
	}
	return nil
}

// join lets a client into the room.
func (l *sfuLoad) join(id sfu.PeerID, publishing bool, watch func([]byte)) (*peer, error) {
	name := wire.Sub
	if publishing {
		name = wire.Pub
	}
	p, err := newPeer(id, name, l.tell, watch)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.peers[id] = p
	l.mu.Unlock()
	return p, l.tell(signalling{Peer: id, Join: true, Publish: publishing})
}

// fillWithin is how long the room may take to fill.
const fillWithin = time.Minute

// fill lets a publisher and the subscribers in; when it returns, everybody gets packets.
func (l *sfuLoad) fill(ctx context.Context, s scenario, subscribers int) error {
	ctx, cancel := context.WithTimeout(ctx, fillWithin)
	defer cancel()
	host, err := l.join("host", true, nil)
	if err != nil {
		return err
	}
	if l.pump, err = newPump(s, l.meter, host); err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.wg.Go(func() { l.pump.run(running) })
	for i := range subscribers {
		if _, err := l.join(sfu.PeerID(fmt.Sprintf("watcher-%d", i)), false, l.meter.watcher()); err != nil {
			return err
		}
	}
	return l.await(ctx, "the subscribers get no packets", func() bool { return l.meter.watching.Load() == int64(subscribers) })
}

// await polls until ok.
func (l *sfuLoad) await(ctx context.Context, what string, ok func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case err := <-l.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	return nil
}

// straggle is how long packets may be on their way after the last was sent.
const straggle = 500 * time.Millisecond

// watch measures for a while. before is what the server used when nobody was there.
func (l *sfuLoad) watch(ctx context.Context, d time.Duration, before usage) (figures, error) {
	l.pump.warm.Store(false)
	began, err := l.mark(&l.meter.from)
	if err != nil {
		return figures{}, err
	}
	if err := pause(ctx, d); err != nil {
		return figures{}, err
	}
	ended, err := l.mark(&l.meter.to)
	if err != nil {
		return figures{}, err
	}
	if err := pause(ctx, straggle); err != nil {
		return figures{}, err
	}
	select {
	case err := <-l.failed:
		return figures{}, err
	default:
	}
	f := figures{packets: ended.index - began.index, elapsed: ended.at.Sub(began.at), cpu: ended.use.cpu - began.use.cpu,
		rss: ended.use.rss - before.rss, received: l.meter.received.Load(), delay: l.meter.percentile(0.99)}
	f.allocated = ended.count.Allocations - began.count.Allocations
	if calls := ended.count.SystemCalls - began.count.SystemCalls; calls > 0 {
		f.perCall = (ended.count.Datagrams - began.count.Datagrams) / calls
	}
	return f, nil
}

// instant is what stood at a moment between two frames.
type instant struct {
	index int64
	at    time.Time
	use   usage
	count counters
}

// mark sets an end of the range of packets that count to the next one.
func (l *sfuLoad) mark(end interface{ Store(int64) }) (i instant, err error) {
	l.pump.between.Lock()
	defer l.pump.between.Unlock()
	i.index, i.at = l.pump.index, time.Now()
	end.Store(i.index)
	if i.use, err = l.server.usage(); err != nil {
		return i, err
	}
	if err := l.tell(signalling{Count: &counters{}}); err != nil {
		return i, err
	}
	select {
	case i.count = <-l.counts:
		return i, nil
	case <-time.After(fillWithin):
		return i, errors.New("the server does not answer")
	}
}

// close ends everything; the server ends first, so that nobody waits for goodbyes.
func (l *sfuLoad) close() error {
	l.stop()
	_ = l.server.input.Close()
	l.wg.Wait()
	for _, p := range l.peers {
		_ = p.pc.Close()
	}
	return l.server.stop()
}
