package outbox_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
	"parley/internal/testenv/bubble"
)

func TestAnEventIsDeliveredAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{}
		n := start(t, s, to, outbox.Config{})
		e := put(t, s, 1)[0]
		n.Wake()
		synctest.Wait()
		want, err := e.Body()
		if got := to.got(); err != nil || len(got) != 1 || got[0] != string(want) {
			t.Fatalf("sent %q, want %q, %v", got, want, err)
		}
		if h := to.header[0]; h.Get("Content-Type") != "application/json" || h.Get(outbox.SignatureHeader) == "" {
			t.Errorf("header %v", h)
		}
		waiting(t, s, 0, 0)
		bubble.Pass(time.Hour)
		if got := to.got(); len(got) != 1 {
			t.Errorf("sent %d times", len(got))
		}
		if n.metric(t, "parley_outbox_delivered_total") != 1 || n.metric(t, "parley_outbox_failed_total") != 0 {
			t.Error("the delivery was not counted")
		}
	})
}

func TestWhatNobodyWokeForIsFoundByThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{}
		start(t, s, to, outbox.Config{Poll: time.Second})
		synctest.Wait()
		put(t, s, 1)
		bubble.Pass(time.Second)
		if len(to.got()) != 1 {
			t.Error("not sent after a second")
		}
	})
}

func TestAFailedEventIsTriedAgainWithTheSameBodyAndANewSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: fails(6, http.StatusInternalServerError)}
		n := start(t, s, to, outbox.Config{})
		put(t, s, 1)
		bubble.Pass(time.Hour)
		got := to.got()
		if len(got) != 7 {
			t.Fatalf("%d tries, want 7", len(got))
		}
		stamps := map[string]bool{}
		for i, body := range got {
			if body != got[0] {
				t.Errorf("try %d says %q, the first %q", i+1, body, got[0])
			}
			stamps[to.header[i].Get(outbox.SignatureHeader)] = true
		}
		if len(stamps) < 3 {
			t.Error("tries minutes apart have one signature: it can't be told when it was made")
		}
		waiting(t, s, 0, 0)
		if n.metric(t, "parley_outbox_failed_total") != 6 || n.metric(t, "parley_outbox_delivered_total") != 1 {
			t.Error("the tries were not counted")
		}
	})
}

func TestTheTargetMayAskForAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var second time.Duration
		to := &target{answer: func(_ context.Context, try int) (int, http.Header, error) {
			if try == 1 {
				return http.StatusTooManyRequests, http.Header{"Retry-After": {"600"}}, nil
			}
			second = time.Since(began)
			return 200, nil, nil
		}}
		s := &outboxtest.Memory{}
		put(t, s, 1)
		start(t, s, to, outbox.Config{})
		bubble.Pass(time.Hour)
		if second < 10*time.Minute || second > 11*time.Minute {
			t.Errorf("tried again after %v, want 10 minutes", second)
		}
	})
}

func TestAnEventThatFailsTooOftenIsADeadLetterUntilItIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: fails(outbox.Attempts, http.StatusBadGateway)}
		n := start(t, s, to, outbox.Config{Poll: time.Minute})
		e := put(t, s, 1)[0]
		bubble.Pass(outbox.Attempts * outbox.Longest)
		waiting(t, s, 0, 1)
		letters, err := s.Dead(t.Context(), "", 10)
		if err != nil || len(letters) != 1 || letters[0].Event != e || letters[0].Attempts != outbox.Attempts || letters[0].Reason != "status 5xx" {
			t.Fatalf("dead letters %+v, %v", letters, err)
		}
		if len(to.got()) != outbox.Attempts || n.metric(t, "parley_outbox_dead_total") != 1 {
			t.Errorf("%d tries, want %d, and one death counted", len(to.got()), outbox.Attempts)
		}
		if ok, err := s.Replay(t.Context(), e.ID); !ok || err != nil {
			t.Fatal(ok, err)
		}
		bubble.Pass(2 * time.Minute)
		waiting(t, s, 0, 0)
		if got := to.got(); got[len(got)-1] != got[0] {
			t.Error("the replay says something else")
		}
	})
}

func TestOldDeadLettersAreDeleted(t *testing.T) { // L1
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: fails(1, http.StatusBadRequest)}
		start(t, s, to, outbox.Config{Attempts: 1, Poll: time.Hour})
		put(t, s, 1)
		bubble.Pass(29 * 24 * time.Hour)
		waiting(t, s, 0, 1)
		bubble.Pass(2 * 24 * time.Hour)
		waiting(t, s, 0, 0)
	})
}

// The ways in which settling can fail, and what the process does afterwards.
func TestWhateverHappensBetweenAnswerAndMarkTheEventArrivesWithOneID(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   outboxtest.Fault
		crash   bool
		arrives int
	}{
		{"fails, goes on", outboxtest.Fails, false, 1},
		{"fails, crash", outboxtest.Fails, true, 2},
		{"fails but persisted, goes on", outboxtest.FailsButPersists, false, 1},
		{"fails but persisted, crash", outboxtest.FailsButPersists, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, to := &outboxtest.Memory{}, &target{}
				s.BreakSettle(c.fault)
				n := start(t, s, to, outbox.Config{})
				put(t, s, 1)
				bubble.Pass(5 * time.Second)
				if len(to.got()) != 1 {
					t.Fatalf("sent %d times while it could not be settled", len(to.got()))
				}
				if c.crash {
					n.stop()
				}
				s.BreakSettle(outboxtest.None)
				if c.crash {
					start(t, s, to, outbox.Config{})
				}
				bubble.Pass(2 * n.Lease())
				got := to.got()
				if len(got) != c.arrives || got[0] != got[len(got)-1] {
					t.Errorf("arrived %d times, want %d: %q", len(got), c.arrives, got)
				}
				waiting(t, s, 0, 0)
			})
		})
	}
}

func TestWhatAKilledNodeHadClaimedAnotherDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{}
		put(t, s, 10)
		probe := start(t, &outboxtest.Memory{}, to, outbox.Config{}) // only to know the lease
		if claims, err := s.Claim(t.Context(), 7, probe.Lease()); len(claims) != 7 || err != nil {
			t.Fatal(claims, err)
		}
		start(t, s, to, outbox.Config{})
		bubble.Pass(time.Second)
		if len(to.got()) != 3 {
			t.Errorf("%d arrived while the others were claimed, want 3", len(to.got()))
		}
		bubble.Pass(probe.Lease() + time.Second)
		if len(to.got()) != 10 {
			t.Errorf("%d arrived after the lease, want 10", len(to.got()))
		}
		waiting(t, s, 0, 0)
	})
}

func TestSeveralNodesShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events = 500
		s := &outboxtest.Memory{}
		put(t, s, events)
		slow := func(ctx context.Context, _ int) (int, http.Header, error) {
			<-time.After(50 * time.Millisecond)
			return 200, nil, nil
		}
		one, two := &target{answer: slow}, &target{answer: slow}
		start(t, s, one, outbox.Config{})
		start(t, s, two, outbox.Config{})
		bubble.Pass(time.Minute)
		seen := map[string]bool{}
		for _, body := range append(one.got(), two.got()...) {
			seen[body] = true
		}
		if a, b := len(one.got()), len(two.got()); a+b != events || len(seen) != events || a < events/4 || b < events/4 {
			t.Errorf("%d and %d sent, %d different; want %d between them", a, b, len(seen), events)
		}
	})
}

func TestADeadTargetHoldsNothingInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const events, concurrency = 2000, 4
		s, to := &outboxtest.Memory{}, &target{answer: hangs}
		n := start(t, s, to, outbox.Config{Concurrency: concurrency})
		put(t, s, events)
		bubble.Pass(10 * time.Minute)
		n.stop()
		if most := s.MostHeld(); most == 0 || most > 2*concurrency {
			t.Errorf("up to %d events were held, want at most %d", most, 2*concurrency)
		}
		if to.most != concurrency {
			t.Errorf("up to %d tries at once, want %d", to.most, concurrency)
		}
		if lines := strings.Count(n.log.String(), "\n"); lines > 12 {
			t.Errorf("%d lines of log in ten minutes", lines)
		}
		if got := n.metric(t, "parley_outbox_pending"); got != events {
			t.Errorf("%v pending shown, want %d", got, events)
		}
		if got := n.metric(t, "parley_outbox_oldest_age_seconds"); got < 580 || got > 600 {
			t.Errorf("the oldest shown is %v s old", got)
		}
	})
}

func TestAStoreThatCantSettleHoldsNothingInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrency = 4
		s, to := &outboxtest.Memory{}, &target{}
		s.BreakSettle(outboxtest.Fails)
		start(t, s, to, outbox.Config{Concurrency: concurrency})
		put(t, s, 500)
		bubble.Pass(10 * time.Minute)
		if sent := len(to.got()); sent == 0 || sent > 2*concurrency {
			t.Errorf("%d events were sent that could not be settled, want at most %d", sent, 2*concurrency)
		}
		s.BreakSettle(outboxtest.None)
		bubble.Pass(10 * time.Minute)
		waiting(t, s, 0, 0)
	})
}

func TestATryEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: hangs}
		n := start(t, s, to, outbox.Config{Timeout: 2 * time.Second})
		put(t, s, 1)
		n.Wake()
		bubble.Pass(2*time.Second + time.Millisecond)
		if n.metric(t, "parley_outbox_failed_total") != 1 || !strings.Contains(n.log.String(), `"reason":"timeout"`) {
			t.Errorf("no time-out after two seconds: %s", n.log)
		}
	})
}

func TestStoppingGivesBackWhatWasNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: hangs}
		n := start(t, s, to, outbox.Config{Concurrency: 2})
		put(t, s, 10)
		bubble.Pass(time.Second)
		began := time.Now()
		n.stop()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if tries := len(to.got()); tries != 2 {
			t.Errorf("%d tries, want none after the end", tries)
		}
		claims, err := s.Claim(t.Context(), 100, time.Hour)
		if err != nil || len(claims) != 10 {
			t.Fatalf("%d are due at once, %v; want all 10", len(claims), err)
		}
		for _, c := range claims {
			if c.Attempt != 1 {
				t.Errorf("%v: try %d, want the first", c.Event, c.Attempt)
			}
		}
	})
}

func TestStoppingLetsATryEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &outboxtest.Memory{}, &target{answer: func(context.Context, int) (int, http.Header, error) {
			<-time.After(2 * time.Second)
			return 200, nil, nil
		}}
		n := start(t, s, to, outbox.Config{})
		put(t, s, 1)
		bubble.Pass(time.Second)
		n.stop()
		waiting(t, s, 0, 0)
	})
}

// broken is a store whose claims fail until it is mended.
type broken struct {
	*outboxtest.Memory
	asked  atomic.Int64
	mended atomic.Bool
}

func (b *broken) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Claim, error) {
	if b.asked.Add(1); !b.mended.Load() {
		return nil, errors.New("no database")
	}
	return b.Memory.Claim(ctx, limit, lease)
}

func TestAStoreThatIsAwayIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := &broken{Memory: &outboxtest.Memory{}}, &target{}
		n := start(t, s, to, outbox.Config{Poll: time.Second})
		put(t, s, 1)
		bubble.Pass(10*time.Minute + time.Millisecond)
		if asked := s.asked.Load(); asked < 500 || asked > 610 {
			t.Errorf("asked %d times in ten minutes, want about once a second", asked)
		}
		if told := strings.Count(n.log.String(), "claim events: no database"); told < 1 || told > 11 {
			t.Errorf("told the log %d times in ten minutes", told)
		}
		s.mended.Store(true)
		bubble.Pass(time.Second)
		if len(to.got()) != 1 {
			t.Error("not delivered once the store was back")
		}
	})
}

func TestItRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, &outboxtest.Memory{}, &target{}, outbox.Config{})
		synctest.Wait()
		if err := n.Run(t.Context()); err == nil {
			t.Error("it ran twice")
		}
	})
}
