package limit

import (
	"container/list"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"parley/internal/policy"
)

// Config says how much is allowed. Rate and Burst are required.
type Config struct {
	// Name tells limiters apart in metrics: a fixed word such as "send", never a key.
	Name string
	// Rate is how many events a second a key may have for ever.
	Rate rate.Limit
	// Burst is how many at once.
	Burst int
	// Keys is how many keys are remembered; 0 means 65536. Beyond that the one not seen for longest is forgotten,
	// and with it what it used up.
	Keys int
	// Metrics registers parley_limit_refused_total and parley_limit_forgotten_total, labelled by limiter; nil keeps
	// them private. Several limiters may share one registerer.
	Metrics prometheus.Registerer
}

// Limiter is a token bucket for each key. Any goroutine may call it.
type Limiter[K comparable] struct {
	cfg Config

	mu    sync.Mutex
	order *list.List // of *bucket[K], the last used in front
	items map[K]*list.Element

	refused, forgotten prometheus.Counter
}

type bucket[K comparable] struct {
	key    K
	tokens Bucket
}

// New makes a limiter. A rate or burst that is not positive refuses everything.
func New[K comparable](cfg Config) *Limiter[K] {
	if cfg.Keys <= 0 {
		cfg.Keys = 65536
	}
	l := &Limiter[K]{cfg: cfg, order: list.New(), items: map[K]*list.Element{}}
	l.refused = counter(cfg, "parley_limit_refused_total", "Events that were refused because a key had too many.")
	l.forgotten = counter(cfg, "parley_limit_forgotten_total",
		"Keys that were forgotten for others before their bucket was full again.")
	return l
}

// counter is the limiter's own child of a counter that all limiters of a registerer share.
func counter(cfg Config, name, help string) prometheus.Counter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"limiter"})
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(vec); err != nil {
			registered, ok := errors.AsType[prometheus.AlreadyRegisteredError](err)
			if !ok {
				panic(fmt.Sprintf("limit: register %s: %v", name, err))
			}
			vec = registered.ExistingCollector.(*prometheus.CounterVec)
		}
	}
	return vec.WithLabelValues(cfg.Name)
}

// Take takes one event of the key: nil, or [policy.ErrRateLimited] with the time after which one would be there.
func (l *Limiter[K]) Take(key K) error { return l.TakeN(key, 1) }

// TakeN takes n events at once, all or none. More than the burst never are there.
func (l *Limiter[K]) TakeN(key K, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	wait, ok := l.bucket(key, now).tokens.Take(now, float64(l.cfg.Rate), l.cfg.Burst, n)
	if ok {
		return nil
	}
	l.refused.Inc()
	if wait == forever {
		return policy.ErrRateLimited
	}
	return policy.ErrRateLimited.After(wait)
}

// seconds rounds up to whole milliseconds, so that who waits as told is not refused again.
func seconds(s float64) time.Duration {
	return time.Duration(math.Ceil(s*1000)) * time.Millisecond
}

// bucket returns the key's bucket, full if it is new, and moves it in front.
func (l *Limiter[K]) bucket(key K, now time.Time) *bucket[K] {
	if e, ok := l.items[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*bucket[K])
	}
	l.tidy(now)
	if l.order.Len() >= l.cfg.Keys {
		l.forgetOldest(now)
	}
	b := &bucket[K]{key: key}
	l.items[key] = l.order.PushFront(b)
	return b
}

// tidy drops the oldest keys whose buckets are full again, for which nothing is lost: two for each that comes, so that no more
// is held than what is in use.
func (l *Limiter[K]) tidy(now time.Time) {
	for range 2 {
		e := l.order.Back()
		if e == nil || !e.Value.(*bucket[K]).tokens.full(now, float64(l.cfg.Rate)) {
			return
		}
		l.forget(e)
	}
}

func (l *Limiter[K]) forgetOldest(now time.Time) {
	e := l.order.Back()
	if !e.Value.(*bucket[K]).tokens.full(now, float64(l.cfg.Rate)) {
		l.forgotten.Inc()
	}
	l.forget(e)
}

func (l *Limiter[K]) forget(e *list.Element) {
	delete(l.items, l.order.Remove(e).(*bucket[K]).key)
}

// Address is the key of a client's network address: an IPv4 address by itself, an IPv6 one with its /64, which is the
// least that one customer has. An address that is not valid is a key of its own.
func Address(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
