package outboxtest

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/outbox"
)

// Store is what a whole store does.
type Store interface {
	outbox.Store
	outbox.Graveyard
}

// Run runs what every store must do. open makes an empty one. Two nodes are two goroutines over the same store.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"an event is claimed as it was appended", keepsEvents},
		{"an event is kept once", keepsOnce},
		{"a claim is nobody else's until its lease is over", leases},
		{"what is due for longest is claimed first", claimsInOrder},
		{"concurrent claims share no event", claimsApart},
		{"what was delivered is forgotten", delivers},
		{"a late result of a lost claim changes nothing but a delivery", fences},
		{"a retry comes due after its wait", retries},
		{"what was released counts no attempt", releases},
		{"dead letters are listed in pages and claimed no more", buries},
		{"a replayed letter begins anew", replays},
		{"all dead letters can be replayed at once", replaysAll},
		{"old dead letters expire", expires},
		{"the backlog tells how much waits and for how long", counts},
		{"a result without an outcome is refused", refusesNoOutcome},
		{"an ended context does nothing", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			c.run(t, open(t))
		})
	}
}

const long = time.Hour

func put(t testing.TB, s Store, n int) []outbox.Event {
	t.Helper()
	var events []outbox.Event
	for i := range n {
		events = append(events, Event(t, uint64(i+1)))
	}
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	return events
}

func claim(t testing.TB, s Store, limit int, lease time.Duration) []outbox.Claim {
	t.Helper()
	claims, err := s.Claim(t.Context(), limit, lease)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// claimed claims until there are n, or a deadline passes: what waits for a moment is waited for.
func claimed(t testing.TB, s Store, n int, lease time.Duration) []outbox.Claim {
	t.Helper()
	var all []outbox.Claim
	for end := time.Now().Add(5 * time.Second); len(all) < n && time.Now().Before(end); <-time.After(time.Millisecond) {
		all = append(all, claim(t, s, n-len(all), lease)...)
	}
	if len(all) != n {
		t.Fatalf("%d events came due, want %d", len(all), n)
	}
	return all
}

func settle(t testing.TB, s Store, outcome outbox.Outcome, after time.Duration, claims ...outbox.Claim) {
	t.Helper()
	var results []outbox.Result
	for _, c := range claims {
		results = append(results, outbox.Result{ID: c.Event.ID, Attempt: c.Attempt, Outcome: outcome, After: after, Reason: "timeout"})
	}
	if err := s.Settle(t.Context(), results); err != nil {
		t.Fatal(err)
	}
}

func nothingDue(t testing.TB, s Store) {
	t.Helper()
	if claims := claim(t, s, 10, long); len(claims) != 0 {
		t.Errorf("%d events are due, want none; the first: %v", len(claims), claims[0].Event)
	}
}

func backlog(t testing.TB, s Store) outbox.Backlog {
	t.Helper()
	b, err := s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keepsEvents(t *testing.T, s Store) {
	nothingDue(t, s)
	want := EachKind(t)
	if err := s.Append(t.Context(), want...); err != nil {
		t.Fatal(err)
	}
	claims := claim(t, s, 100, long)
	slices.SortFunc(claims, func(a, b outbox.Claim) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	if len(claims) != len(want) {
		t.Fatalf("%d claims, want %d", len(claims), len(want))
	}
	for i, c := range claims {
		if !reflect.DeepEqual(c.Event, want[i]) || c.Attempt != 1 {
			t.Errorf("claim %d: %+v, want the first try of %+v", i, c, want[i])
		}
	}
	if err := s.Append(t.Context()); err != nil {
		t.Errorf("appending nothing: %v", err)
	}
}

func keepsOnce(t *testing.T, s Store) {
	e := Event(t, 1)
	for range 2 {
		if err := s.Append(t.Context(), e, e); err != nil {
			t.Fatal(err)
		}
	}
	claimed(t, s, 1, long)
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	nothingDue(t, s)
}

func leases(t *testing.T, s Store) {
	e := put(t, s, 1)[0]
	if c := claim(t, s, 10, 200*time.Millisecond); len(c) != 1 || c[0].Attempt != 1 {
		t.Fatalf("first: %+v", c)
	}
	nothingDue(t, s)
	if c := claimed(t, s, 1, long); c[0].Attempt != 2 || c[0].Event.ID != e.ID {
		t.Errorf("after the lease: %+v, want the second try", c[0])
	}
	nothingDue(t, s)
}

func claimsInOrder(t *testing.T, s Store) {
	for i := range 5 {
		if err := s.Append(t.Context(), Event(t, uint64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]uint64{{1, 2}, {3, 4}, {5}} {
		var got []uint64
		for _, c := range claim(t, s, 2, long) {
			got = append(got, c.Event.Seq)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("claimed %v, want %v", got, want)
		}
	}
}

func claimsApart(t *testing.T, s Store) {
	const events, nodes = 60, 4
	put(t, s, events)
	var mu sync.Mutex
	seen := map[outbox.EventID]int{}
	var wg sync.WaitGroup
	for range nodes {
		wg.Go(func() {
			for range events {
				claims, err := s.Claim(t.Context(), 3, long)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, c := range claims {
					seen[c.Event.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != events {
		t.Errorf("%d of %d events were claimed", len(seen), events)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func delivers(t *testing.T, s Store) {
	put(t, s, 3)
	claims := claimed(t, s, 3, time.Millisecond)
	settle(t, s, outbox.Delivered, 0, claims[0], claims[2])
	settle(t, s, outbox.Delivered, 0, claims[0]) // again
	if b := backlog(t, s); b.Pending != 1 {
		t.Errorf("%d pending, want 1", b.Pending)
	}
	if c := claimed(t, s, 1, long); c[0].Event.ID != claims[1].Event.ID {
		t.Errorf("%v is left, want %v", c[0].Event, claims[1].Event)
	}
}

func fences(t *testing.T, s Store) {
	put(t, s, 1)
	first := claimed(t, s, 1, time.Millisecond)[0]
	second := claimed(t, s, 1, long)[0]
	for _, late := range []outbox.Outcome{outbox.Retry, outbox.Released, outbox.Dead} {
		settle(t, s, late, 0, first)
		nothingDue(t, s)
	}
	if b := backlog(t, s); b.Pending != 1 || b.Dead != 0 {
		t.Errorf("after late results: %+v", b)
	}
	settle(t, s, outbox.Delivered, 0, first)
	settle(t, s, outbox.Retry, 0, second)
	nothingDue(t, s)
	if b := backlog(t, s); b.Pending != 0 {
		t.Errorf("after a late delivery %d are pending", b.Pending)
	}
}

func retries(t *testing.T, s Store) {
	put(t, s, 2)
	c := claimed(t, s, 2, long)
	settle(t, s, outbox.Retry, long, c[0])
	settle(t, s, outbox.Retry, 20*time.Millisecond, c[1])
	if again := claimed(t, s, 1, long)[0]; again.Event.ID != c[1].Event.ID || again.Attempt != 2 {
		t.Errorf("again: %+v, want the second try of %v", again, c[1].Event)
	}
	nothingDue(t, s)
}

func releases(t *testing.T, s Store) {
	put(t, s, 1)
	settle(t, s, outbox.Released, 0, claimed(t, s, 1, long)...)
	if c := claimed(t, s, 1, long)[0]; c.Attempt != 1 {
		t.Errorf("after a release it is try %d, want 1", c.Attempt)
	}
}

func dead(t testing.TB, s Store, after outbox.EventID, limit int) []outbox.DeadLetter {
	t.Helper()
	page, err := s.Dead(t.Context(), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func buries(t *testing.T, s Store) {
	want := put(t, s, 3)
	settle(t, s, outbox.Retry, 0, claimed(t, s, 3, long)...)
	settle(t, s, outbox.Dead, 0, claimed(t, s, 3, time.Millisecond)...)
	nothingDue(t, s)
	if b := backlog(t, s); b.Pending != 0 || b.Dead != 3 {
		t.Errorf("backlog %+v, want 3 dead", b)
	}
	page := dead(t, s, "", 2)
	page = append(page, dead(t, s, page[1].Event.ID, 2)...)
	if len(page) != 3 {
		t.Fatalf("%d dead letters in two pages, want 3", len(page))
	}
	for i, l := range page {
		if !reflect.DeepEqual(l.Event, want[i]) || l.Attempts != 2 || l.Reason != "timeout" || time.Since(l.Died).Abs() > time.Minute {
			t.Errorf("letter %d: %+v, want %+v", i, l, want[i])
		}
	}
}

func replays(t *testing.T, s Store) {
	e := put(t, s, 2)[0]
	settle(t, s, outbox.Dead, 0, claimed(t, s, 2, long)...)
	for i, want := range []bool{true, false} {
		if ok, err := s.Replay(t.Context(), e.ID); ok != want || err != nil {
			t.Errorf("replay %d: %v, %v; want %v", i+1, ok, err, want)
		}
	}
	if c := claimed(t, s, 1, long)[0]; !reflect.DeepEqual(c.Event, e) || c.Attempt != 1 {
		t.Errorf("replayed: %+v, want the first try of %+v", c, e)
	}
	nothingDue(t, s)
	if b := backlog(t, s); b.Pending != 1 || b.Dead != 1 {
		t.Errorf("backlog %+v, want the other dead", b)
	}
}

func replaysAll(t *testing.T, s Store) {
	const many = 520 // more than a portion
	put(t, s, many)
	settle(t, s, outbox.Dead, 0, claimed(t, s, many, long)...)
	put(t, s, 1)
	if n, err := s.ReplayAll(t.Context()); n != many || err != nil {
		t.Fatalf("replayed %d, %v; want %d", n, err, many)
	}
	if b := backlog(t, s); b.Pending != many+1 || b.Dead != 0 {
		t.Errorf("backlog %+v", b)
	}
	if n, err := s.ReplayAll(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	claimed(t, s, many+1, long)
}

func expires(t *testing.T, s Store) {
	put(t, s, 2)
	settle(t, s, outbox.Dead, 0, claimed(t, s, 2, long)...)
	if n, err := s.Expire(t.Context(), long); n != 0 || err != nil {
		t.Errorf("expired %d young ones, %v", n, err)
	}
	put(t, s, 1)
	gone := 0
	for end := time.Now().Add(5 * time.Second); gone < 2 && time.Now().Before(end); <-time.After(time.Millisecond) {
		n, err := s.Expire(t.Context(), time.Microsecond)
		if err != nil {
			t.Fatal(err)
		}
		gone += n
	}
	if gone != 2 {
		t.Errorf("expired %d, want 2", gone)
	}
	if b := backlog(t, s); b.Dead != 0 || b.Pending != 1 {
		t.Errorf("backlog %+v, want what is not dead", b)
	}
}

func counts(t *testing.T, s Store) {
	if b := backlog(t, s); b != (outbox.Backlog{}) {
		t.Errorf("empty: %+v", b)
	}
	old, young := Event(t, 1), Event(t, 2)
	old.At = old.At.Add(-time.Hour)
	if err := s.Append(t.Context(), old, young); err != nil {
		t.Fatal(err)
	}
	if b := backlog(t, s); b.Pending != 2 || b.Oldest < time.Hour-time.Minute || b.Oldest > time.Hour+time.Minute {
		t.Errorf("backlog %+v, want 2, the oldest an hour old", b)
	}
	settle(t, s, outbox.Delivered, 0, claimed(t, s, 2, long)[0])
}

func refusesNoOutcome(t *testing.T, s Store) {
	put(t, s, 1)
	c := claimed(t, s, 1, long)[0]
	refused := func() (yes bool) {
		defer func() { yes = recover() != nil || yes }()
		return s.Settle(t.Context(), []outbox.Result{{ID: c.Event.ID, Attempt: c.Attempt}}) != nil
	}()
	if !refused {
		t.Error("a result without an outcome was taken")
	}
}

func cancelled(t *testing.T, s Store) {
	put(t, s, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Claim(ctx, 1, long); err == nil {
		t.Error("a claim with an ended context succeeded")
	}
	if err := s.Append(ctx, Event(t, 2)); err == nil {
		t.Error("an append with an ended context succeeded")
	}
	c := claimed(t, s, 1, long)
	if err := s.Settle(ctx, []outbox.Result{{ID: c[0].Event.ID, Attempt: 1, Outcome: outbox.Delivered}}); err == nil {
		t.Error("settling with an ended context succeeded")
	}
	if b := backlog(t, s); b.Pending != 1 {
		t.Errorf("backlog %+v, want the one", b)
	}
}
