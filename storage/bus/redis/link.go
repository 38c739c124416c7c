package redis

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// Times between links that fail, before jitter.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// maxMissed probes in a row end a link.
const maxMissed = 2

// link is one client of Redis and what hangs on it. It is never repaired: when anything about it is wrong it is replaced.
type link struct {
	client *goredis.Client
	sub    *goredis.PubSub
	ctx    context.Context // of its commands
	end    context.CancelFunc
	id     uint64        // in its probes and in the mark
	done   chan struct{} // closed when the reader has ended, after err is set
	err    error
	sent   uint64        // number of the last probe; the prober's
	seen   atomic.Uint64 // number of the last one that came back
}

// current is the link there is.
type current struct {
	mu sync.Mutex
	l  *link         // nil: none
	up chan struct{} // closed once there is one
}

func (c *current) get() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.l
}

func (c *current) set(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.l = l; l != nil {
		close(c.up)
	} else {
		c.up = make(chan struct{})
	}
}

// wait returns the link as soon as there is one; nil says that ctx ended.
func (c *current) wait(ctx context.Context) *link {
	for {
		c.mu.Lock()
		l, up := c.l, c.up
		c.mu.Unlock()
		if l != nil {
			return l
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil
		}
	}
}

// Run keeps the node connected until ctx ends: it makes links, one after another, and what is to be sent and registered goes
// over the one there is. At the end it sends what waits and takes the node's users out of the registry, if Redis is there.
func (b *Bus) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	workers.Go(func() { b.sendAll(ctx) })
	workers.Go(func() { b.registerAll(ctx) })
	defer workers.Wait()
	pause, said := firstPause, ""
	for first := true; ; first = false {
		whole, err := b.live(ctx, workers.Wait, first)
		if ctx.Err() != nil {
			return nil
		}
		if whole {
			pause, said = firstPause, ""
		}
		if why := plain(err); why.Error() != said { // tried again and again, told once
			b.log.LogAttrs(ctx, slog.LevelWarn, "redis is lost; sessions on other nodes find what is new by pings", slog.Any("err", why))
			said = why.Error()
		}
		select {
		case <-time.After(pause/2 + mathrand.N(pause)):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, mostPause)
	}
}

// live makes a link and keeps it until it breaks or ctx ends. It says whether the link ever was whole.
func (b *Bus) live(ctx context.Context, idle func(), first bool) (whole bool, err error) {
	l, err := b.connect(ctx)
	if err != nil {
		return false, err
	}
	go func() {
		defer close(l.done)
		l.err = b.read(l)
	}()
	b.current.set(l)
	defer func() { // in this order: nobody takes it up any more, what is under way ends, the reader is waited for
		b.current.set(nil)
		l.close()
		<-l.done
	}()
	if err := b.rise(ctx, l); err != nil {
		return false, err
	}
	if !first {
		b.metrics.rebuilds.Inc()
	}
	b.log.LogAttrs(ctx, slog.LevelInfo, "redis is connected")
	err = b.watch(ctx, l)
	if ctx.Err() != nil {
		idle()
		b.leave(l)
	}
	return true, err
}

// connect makes a client and subscribes to the node's channel.
func (b *Bus) connect(ctx context.Context) (*link, error) {
	var id [8]byte
	rand.Read(id[:])
	l := &link{client: b.place.client(b.cfg.Trust), id: binary.BigEndian.Uint64(id[:]), done: make(chan struct{})}
	l.ctx, l.end = context.WithCancel(context.WithoutCancel(ctx)) // what is under way as ctx ends has its time to the end
	l.sub = l.client.Subscribe(l.ctx)
	err := l.sub.Subscribe(ctx, channel(b.cfg.Node))
	if err == nil {
		_, err = l.sub.ReceiveTimeout(ctx, commandTimeout)
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return l, nil
}

// close ends what is under way on the link and all its connections.
func (l *link) close() {
	l.end()
	_ = l.sub.Close() // nothing is kept for it
	_ = l.client.Close()
}

// rise brings the registry and the nodes up to date over a new link: from here on nothing is missed, so this is the moment
// to compare with the log.
func (b *Bus) rise(ctx context.Context, l *link) error {
	if _, err := b.probe(l); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if err := b.registerAgain(ctx, l); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	b.tellResync()
	if b.lost.Swap(false) {
		b.post(outgoing{all: true, resync: true})
	}
	return nil
}

// registerAgain writes all users of the node into the registry.
func (b *Bus) registerAgain(ctx context.Context, l *link) error {
	wave := b.attached.changeAll()
	select {
	case <-wave.done:
		return wave.err
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch probes the link until it breaks or ctx ends.
func (b *Bus) watch(ctx context.Context, l *link) error {
	tick := time.NewTicker(b.cfg.Probe)
	defer tick.Stop()
	missed, failed := 0, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.done:
			return l.err
		case <-tick.C:
		}
		if missed++; !failed && l.seen.Load() == l.sent {
			missed = 0
		}
		if missed == maxMissed {
			return errSilent
		}
		whole, err := b.probe(l)
		if failed = err != nil; failed {
			continue
		}
		b.attached.retry()
		if whole {
			continue
		}
		if err := b.registerAgain(ctx, l); err != nil {
			return fmt.Errorf("register: %w", err)
		}
		b.tellResync() // whoever was not in the registry was not woken
	}
}

// probe publishes to the node itself, and says whether the registry is the one that this link has written to: the mark of
// the link is in it. It puts the mark there, which only a master takes.
func (b *Bus) probe(l *link) (whole bool, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, min(b.cfg.Probe, commandTimeout))
	defer cancel()
	l.sent++
	mark, key := strconv.FormatUint(l.id, 16), "parley:mark:"+string(b.cfg.Node)
	pipe := l.client.Pipeline()
	was := pipe.Get(ctx, key)
	set := pipe.Set(ctx, key, mark, 2*b.cfg.TTL)
	sent := pipe.Publish(ctx, channel(b.cfg.Node), b.secrets.seal(channel(b.cfg.Node), probe{l.id, l.sent}.encode()))
	_, _ = pipe.Exec(ctx) // tells of the first error only, and that the mark is not there is none
	if err := was.Err(); err != nil && !errors.Is(err, goredis.Nil) {
		return false, err
	}
	return was.Val() == mark, errors.Join(set.Err(), sent.Err())
}
