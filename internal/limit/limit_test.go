package limit

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"parley/internal/policy"
	"parley/internal/testenv/bubble"
)

func TestABurstIsAllowedAndThenTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](Config{Rate: 2, Burst: 5})
		if got := taken(l, "u1", 20); got != 5 {
			t.Errorf("%d at once, want 5", got)
		}
		bubble.Pass(time.Second)
		if got := taken(l, "u1", 20); got != 2 {
			t.Errorf("%d after a second, want 2", got)
		}
		bubble.Pass(time.Hour)
		if got := taken(l, "u1", 20); got != 5 {
			t.Errorf("%d after an hour, want 5", got)
		}
	})
}

func TestWhoWaitsAsToldIsNotRefusedAgain(t *testing.T) {
	for _, perSecond := range []rate.Limit{0.01, 0.3, 1, 7, 333} {
		synctest.Test(t, func(t *testing.T) {
			l := New[string](Config{Rate: perSecond, Burst: 3})
			for range 30 {
				err := l.Take("u1")
				var refusal *policy.Refusal
				if !errors.As(err, &refusal) {
					continue
				}
				if !errors.Is(err, policy.ErrRateLimited) || !refusal.Retry || refusal.RetryAfter <= 0 {
					t.Fatalf("refused with %v after %v", err, refusal.RetryAfter)
				}
				if limit := time.Duration(float64(time.Second)/float64(perSecond)) + time.Millisecond; refusal.RetryAfter > limit {
					t.Fatalf("told to wait %v, more than %v", refusal.RetryAfter, limit)
				}
				<-time.After(refusal.RetryAfter)
				if err := l.Take("u1"); err != nil {
					t.Fatalf("refused again after waiting %v", refusal.RetryAfter)
				}
			}
		})
	}
}

func TestKeysDoNotTouchEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](Config{Rate: 1, Burst: 3})
		for i := range 10 {
			if got := taken(l, fmt.Sprint(i), 10); got != 3 {
				t.Errorf("key %d: %d, want 3", i, got)
			}
		}
	})
}

func TestSeveralAtOnceAreAllOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](Config{Rate: 1, Burst: 10})
		if err := l.TakeN("u1", 7); err != nil {
			t.Fatal(err)
		}
		if err := l.TakeN("u1", 7); !errors.Is(err, policy.ErrRateLimited) {
			t.Fatalf("error %v, want %v", err, policy.ErrRateLimited)
		}
		if err := l.TakeN("u1", 3); err != nil {
			t.Errorf("a refusal used something up: %v", err)
		}
		if err := l.TakeN("u2", 11); !errors.Is(err, policy.ErrRateLimited) {
			t.Errorf("more than the burst: %v, want %v", err, policy.ErrRateLimited)
		}
	})
}

func TestALimiterThatWasNotConfiguredRefuses(t *testing.T) {
	for _, cfg := range []Config{{}, {Rate: 1}, {Rate: -1, Burst: 0}} {
		if err := New[string](cfg).Take("u1"); !errors.Is(err, policy.ErrRateLimited) {
			t.Errorf("%+v: %v, want %v", cfg, err, policy.ErrRateLimited)
		}
	}
}

func TestTheNumberOfKeysIsBoundedAndTheLongestUnseenGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		l := New[int](Config{Name: "test", Rate: 1, Burst: 2, Keys: 100, Metrics: metrics})
		for key := range 1000 {
			l.TakeN(0, 2) // stays in use, and used up
			if err := l.Take(key + 1); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.items) != 100 || l.order.Len() != 100 {
			t.Errorf("%d keys are remembered, want 100", len(l.items))
		}
		if err := l.Take(0); err == nil {
			t.Error("the key in use was forgotten")
		}
		if got := counted(t, metrics, "parley_limit_forgotten_total"); got != 901 {
			t.Errorf("%v forgotten before their time, want 901", got)
		}
		bubble.Pass(time.Hour)
		l.Take(5000)
		if got := counted(t, metrics, "parley_limit_forgotten_total"); got != 901 {
			t.Errorf("a full bucket was counted as forgotten before its time")
		}
	})
}

func TestConcurrentTakersShareOneBucket(t *testing.T) {
	l := New[string](Config{Rate: 0.001, Burst: 50})
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { got.Add(int64(taken(l, "u1", 20))) })
	}
	wg.Wait()
	if got.Load() != 50 {
		t.Errorf("%d taken, want 50", got.Load())
	}
}

func TestLimitersShareARegistry(t *testing.T) {
	metrics := prometheus.NewPedanticRegistry()
	for _, name := range []string{"send", "hello"} {
		New[string](Config{Name: name, Metrics: metrics}).Take("secret-user")
	}
	if got := counted(t, metrics, "parley_limit_refused_total"); got != 2 {
		t.Errorf("%v refused, want 2", got)
	}
}

func TestAddressesOfOneCustomerAreOneKey(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1", true},
		{"192.0.2.1", "2001:db8::1", false},
	} {
		a, b := Address(netip.MustParseAddr(test.a)), Address(netip.MustParseAddr(test.b))
		if (a == b) != test.same {
			t.Errorf("%s and %s: one key is %v, want %v", test.a, test.b, a == b, test.same)
		}
	}
	if got := Address(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is %v, want no prefix", got)
	}
}

// taken takes n times and says how often it could.
func taken(l *Limiter[string], key string, n int) int {
	got := 0
	for range n {
		if l.Take(key) == nil {
			got++
		}
	}
	return got
}

// counted sums a counter over its labels.
func counted(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestAKeyWhoseBucketIsFullAgainIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[int](Config{Rate: 10, Burst: 10})
		for i := range 1000 {
			_ = l.Take(i)
		}
		if len(l.items) != 1000 {
			t.Fatalf("%d keys held, want all that are in use", len(l.items))
		}
		bubble.Pass(time.Second)
		for i := range 600 {
			_ = l.Take(1000 + i)
		}
		if len(l.items) > 601 || l.order.Len() != len(l.items) {
			t.Errorf("%d keys held of which 600 are in use", len(l.items))
		}
	})
}

func TestAClockThatIsSetBackHoldsNobodyUp(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var b Bucket
	if _, ok := b.Take(now, 2, 3, 3); !ok {
		t.Fatal("a full bucket refused")
	}
	now = now.Add(-time.Hour)
	wait, ok := b.Take(now, 2, 3, 1)
	if ok || wait != time.Second/2 {
		t.Fatalf("one of an empty bucket: %v, %v", wait, ok)
	}
	if _, ok := b.Take(now.Add(wait), 2, 3, 1); !ok {
		t.Error("who waited as told was refused until the clock was where it had been")
	}
}

func TestABucketByItselfIsFullAtFirst(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var b Bucket
	for i := range 3 {
		if _, ok := b.Take(now, 2, 3, 1); !ok {
			t.Fatalf("token %d of 3 refused", i)
		}
	}
	if wait, ok := b.Take(now, 2, 3, 2); ok || wait != time.Second {
		t.Errorf("two of an empty bucket: %v, %v", wait, ok)
	}
	if _, ok := b.Take(now.Add(-time.Hour), 2, 3, 1); ok {
		t.Error("a clock that went back made tokens")
	}
	if _, ok := b.Take(now.Add(time.Second), 2, 3, 2); !ok {
		t.Error("who waited as told was refused")
	}
	for _, none := range []struct {
		rate     float64
		burst, n int
	}{{2, 3, 4}, {0, 3, 1}, {2, 0, 1}} {
		var b Bucket
		if wait, ok := b.Take(now, none.rate, none.burst, none.n); ok || wait != forever {
			t.Errorf("%+v: %v, %v", none, wait, ok)
		}
	}
}
