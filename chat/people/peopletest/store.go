package peopletest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat/people"
)

// Opened is a store to be tested, with what only the log does.
type Opened struct {
	people.Store
	// Tell puts a conversation into the log that the store counts from.
	Tell func(Talk)
}

// Run runs the suite. open makes an empty store.
func Run(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Opened)
	}{
		{"who has set nothing has no row", storeEmpty},
		{"many are loaded at once", storeLoadsMany},
		{"a document is replaced only at its version", storeVersions},
		{"of two who change a document at once one is told to look again", storeRaces},
		{"a closed account has nothing and takes nothing", storeCloses},
		{"contacts are counted by the day up to the limit", storeCounts},
		{"a repeat is never counted and never refused", storeRepeats},
		{"those who take at once never take more than the limit", storeTakesAtOnce},
		{"a limit of one's own goes before the normal one", storeLimits},
		{"old contacts are deleted on the way", storeSweeps},
		{"activity is counted from the log", storeActivity},
		{"activity of others and of other roles does not count", storeActivityOfOthers},
		{"activity looks at the last entries only", storeActivityDepth},
		{"an ended context changes nothing", storeEnded},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var (
	ann, bob = people.Hash{1, 0, 255}, people.Hash{2}
	today    = people.Day(20_000)
	noon     = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

func load(t *testing.T, s people.Store, owner people.Hash) people.Row {
	t.Helper()
	rows, err := s.Load(t.Context(), []people.Hash{owner, {9, 9}})
	if err != nil || len(rows) > 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[owner]
}

func storeEmpty(t *testing.T, s Opened) {
	if rows, err := s.Load(t.Context(), []people.Hash{ann, bob}); len(rows) != 0 || err != nil {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if rows, err := s.Load(t.Context(), nil); len(rows) != 0 || err != nil {
		t.Errorf("of nobody: %d rows, %v", len(rows), err)
	}
	if c, err := s.Count(t.Context(), ann, today, 7); c != (people.Count{Limit: 7}) || err != nil {
		t.Errorf("count %+v, %v", c, err)
	}
	if a, err := s.Activity(t.Context(), "u-ann", noon); a.Started+a.Received+a.Replies+len(a.Hours) != 0 || err != nil {
		t.Errorf("activity %+v, %v", a, err)
	}
}

func storeLoadsMany(t *testing.T, s Opened) {
	var owners []people.Hash
	for i := range 600 {
		owner := people.Hash{byte(i), byte(i >> 8), 1}
		owners = append(owners, owner)
		if i%100 == 7 {
			if err := s.Put(t.Context(), owner, 0, []byte{byte(i), 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []int{1, 3, 8, 256, 257, 600} {
		rows, err := s.Load(t.Context(), owners[:n])
		if want := (n + 92) / 100; err != nil || len(rows) != want {
			t.Errorf("of %d: %d rows, %v; want %d", n, len(rows), err, want)
		}
		for i, owner := range owners[:n] {
			if r, ok := rows[owner]; ok && r.Sealed[0] != byte(i) {
				t.Errorf("of %d: %d has another's row", n, i)
			}
		}
	}
}

func storeVersions(t *testing.T, s Opened) {
	for _, c := range []struct {
		version uint64
		doc     string
		want    error
	}{
		{1, "too early", people.ErrStale}, {0, "first\x00\xff", nil}, {0, "again", people.ErrStale}, {2, "too early", people.ErrStale},
		{1, "second", nil}, {1, "again", people.ErrStale},
	} {
		if err := s.Put(t.Context(), ann, c.version, []byte(c.doc)); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("put %q at version %d: %v, want %v", c.doc, c.version, err, c.want)
		}
	}
	if err := s.Put(t.Context(), bob, 0, []byte("bob's")); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Load(t.Context(), []people.Hash{bob, ann})
	if err != nil || string(rows[ann].Sealed) != "second" || rows[ann].Version != 2 || string(rows[bob].Sealed) != "bob's" || rows[bob].Version != 1 {
		t.Errorf("loaded %+v, %v", rows, err)
	}
}

func storeRaces(t *testing.T, s Opened) {
	const rounds, writers = 5, 4
	for round := range uint64(rounds) {
		var won atomic.Int32
		together(writers, func(i int) {
			err := s.Put(t.Context(), ann, round, []byte{byte(i), 1})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, people.ErrStale) {
				t.Error(err)
			}
		})
		if won.Load() != 1 || load(t, s, ann).Version != round+1 {
			t.Fatalf("%d wrote, version %d; want one, %d", won.Load(), load(t, s, ann).Version, round+1)
		}
	}
}

func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

func storeCloses(t *testing.T, s Opened) {
	five := 5
	for name, before := range map[string]func(owner people.Hash) error{
		"who set nothing": func(people.Hash) error { return nil },
		"who set much": func(owner people.Hash) error {
			_, err := s.Take(t.Context(), people.Contact{Owner: owner, Key: people.Hash{7}, Day: today, Normal: 9})
			return errors.Join(err, s.Put(t.Context(), owner, 0, []byte("doc")), s.SetLimit(t.Context(), owner, &five))
		},
	} {
		owner := people.Hash{byte(len(name))}
		if err := before(owner); err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{noon, noon.Add(time.Hour)} {
			if err := s.Close(t.Context(), owner, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetLimit(t.Context(), owner, &five); err != nil {
			t.Fatal(err)
		}
		r := load(t, s, owner)
		if !r.Closed.Equal(noon) || len(r.Sealed) != 0 {
			t.Errorf("%s: %+v; want closed at the first time, without a document", name, r)
		}
		for v := range r.Version + 2 {
			if err := s.Put(t.Context(), owner, v, []byte("back")); !errors.Is(err, people.ErrStale) {
				t.Errorf("%s: put at version %d: %v", name, v, err)
			}
		}
		if c, err := s.Count(t.Context(), owner, today, 9); c != (people.Count{Limit: 9}) || err != nil {
			t.Errorf("%s: count %+v, %v", name, c, err)
		}
	}
}

// take takes the n-th contact of ann.
func take(t *testing.T, s people.Store, n byte, day people.Day, normal int) (people.Count, error) {
	t.Helper()
	return s.Take(t.Context(), people.Contact{Owner: ann, Key: people.Hash{n}, Day: day, Normal: normal})
}

func storeCounts(t *testing.T, s Opened) {
	for i := range byte(3) {
		if c, err := take(t, s, i, today, 3); err != nil || c != (people.Count{Used: int(i) + 1, Limit: 3}) {
			t.Fatalf("%d: %+v, %v", i, c, err)
		}
	}
	if _, err := take(t, s, 3, today, 3); !errors.Is(err, people.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if c, err := s.Count(t.Context(), ann, today, 3); err != nil || c.Used != 3 {
		t.Errorf("a refused one was counted: %+v, %v", c, err)
	}
	if c, err := take(t, s, 4, today+1, 3); err != nil || c.Used != 1 {
		t.Errorf("the next day: %+v, %v", c, err)
	}
	if c, err := s.Take(t.Context(), people.Contact{Owner: bob, Key: people.Hash{0}, Day: today, Normal: 1}); err != nil || c.Used != 1 {
		t.Errorf("another's: %+v, %v", c, err)
	}
	if _, err := s.Take(t.Context(), people.Contact{Owner: people.Hash{5}, Key: people.Hash{0}, Day: today}); !errors.Is(err, people.ErrFull) {
		t.Errorf("of none: %v", err)
	}
}

func storeRepeats(t *testing.T, s Opened) {
	for range 3 {
		if c, err := take(t, s, 1, today, 1); err != nil || c.Used != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if c, err := take(t, s, 1, today+1, 1); err != nil || c.Used != 0 {
		t.Errorf("a repeat on the next day: %+v, %v; want it counted on its first day only", c, err)
	}
	if c, err := take(t, s, 2, today+1, 1); err != nil || c.Used != 1 {
		t.Errorf("another on the next day: %+v, %v", c, err)
	}
	if c, err := take(t, s, 1, today+1, 1); err != nil || c.Used != 1 {
		t.Errorf("a repeat on a day that is used up: %+v, %v", c, err)
	}
}

func storeTakesAtOnce(t *testing.T, s Opened) {
	const limit, tries = 5, 20
	var taken atomic.Int32
	together(tries, func(i int) {
		_, err := take(t, s, byte(i), today, limit)
		if err == nil {
			taken.Add(1)
		} else if !errors.Is(err, people.ErrFull) {
			t.Error(err)
		}
	})
	c, err := s.Count(t.Context(), ann, today, limit)
	if taken.Load() != limit || c.Used != limit || err != nil {
		t.Errorf("%d taken, %+v, %v; want %d", taken.Load(), c, err, limit)
	}
	together(tries, func(int) {
		if c, err := take(t, s, 100, today+1, 1); err != nil || c.Used != 1 {
			t.Errorf("the same at once: %+v, %v", c, err)
		}
	})
}

func storeLimits(t *testing.T, s Opened) {
	two, zero := 2, 0
	if _, err := take(t, s, 1, today, 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limit *int
		want  people.Count
		full  bool
	}{{&two, people.Count{Used: 1, Limit: 2}, false}, {&zero, people.Count{Used: 2}, true}, {nil, people.Count{Used: 2, Limit: 9}, false}} {
		if err := s.SetLimit(t.Context(), ann, c.limit); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Count(t.Context(), ann, today, 9); err != nil || got != c.want {
			t.Errorf("count %+v, %v; want %+v", got, err, c.want)
		}
		if _, err := take(t, s, byte(10+c.want.Limit), today, 9); errors.Is(err, people.ErrFull) != c.full {
			t.Errorf("of %d: %v", c.want.Limit, err)
		}
	}
	if err := s.Put(t.Context(), ann, 0, []byte("a document after a limit")); err != nil {
		t.Error(err)
	}
}

func storeSweeps(t *testing.T, s Opened) {
	for i, day := range []people.Day{today, today + 1} {
		if _, err := take(t, s, byte(i), day, 9); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := take(t, s, 7, today+people.KeptDays+1, 9); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[people.Day]int{today: 0, today + 1: 1} {
		if c, err := s.Count(t.Context(), ann, day, 9); err != nil || c.Used != want {
			t.Errorf("day %d: %+v, %v; want %d", day-today, c, err, want)
		}
	}
}

func at(hours, minutes int) time.Time {
	return noon.Add(time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
}

func storeActivity(t *testing.T, s Opened) {
	const me, they = "u-ann", "u-rob"
	for _, lines := range [][]Line{
		{{"", at(-30, 0)}, {me, at(-30, 1)}, {they, at(-1, 0)}},                              // started before, nothing since
		{{"", at(-2, 0)}, {me, at(-2, 5)}, {they, at(-2, 6)}, {me, at(-2, 59)}},              // started
		{{"", at(-3, 0)}, {they, at(-3, 5)}},                                                 // received
		{{"", at(-5, 0)}, {they, at(-5, 1)}, {me, at(-1, 30)}, {me, at(-4, 59)}, {"", noon}}, // received, replied
		{{"", at(-90, 0)}, {they, at(-90, 0)}, {me, at(-24, 0)}},                             // from before, replied at the very beginning
		{{"", at(-90, 0)}, {they, at(-90, 0)}, {me, at(-25, 0)}},                             // from before, and silent since
		{{"", at(-1, 0)}}, // nobody said anything
	} {
		s.Tell(Talk{Candidate: me, Other: they, Lines: lines})
	}
	a, err := s.Activity(t.Context(), me, at(-24, 0))
	if err != nil || a.Started != 1 || a.Received != 2 || a.Replies != 2 {
		t.Errorf("activity %+v, %v; want 1 started, 2 received, 2 replies", a, err)
	}
	want := []time.Time{at(-24, 0), at(-4, 0), at(-2, 0), at(-1, 0)}
	if len(a.Hours) != len(want) {
		t.Fatalf("hours %v, want %v", a.Hours, want)
	}
	for i, h := range want {
		if !a.Hours[i].Equal(h) {
			t.Errorf("hour %v, want %v", a.Hours[i], h)
		}
	}
}

func storeActivityOfOthers(t *testing.T, s Opened) {
	s.Tell(Talk{Candidate: "u-other", Other: "u-ann", Lines: []Line{{"u-ann", at(-1, 0)}, {"u-other", at(-1, 1)}}})
	s.Tell(Talk{Candidate: "u-other", Other: "u-rob", Lines: []Line{{"u-other", at(-1, 0)}}})
	if a, err := s.Activity(t.Context(), "u-ann", at(-24, 0)); err != nil || a.Started+a.Received+a.Replies+len(a.Hours) != 0 {
		t.Errorf("as a recruiter: %+v, %v; want nothing", a, err)
	}
}

func storeActivityDepth(t *testing.T, s Opened) {
	lines := []Line{{"u-rob", at(-3, 0)}, {"u-ann", at(-2, 0)}}
	for range people.ActivityDepth {
		lines = append(lines, Line{"u-rob", at(-1, 0)})
	}
	s.Tell(Talk{Candidate: "u-ann", Other: "u-rob", Lines: lines})
	if a, err := s.Activity(t.Context(), "u-ann", at(-24, 0)); err != nil || a.Received != 1 || a.Replies != 0 || len(a.Hours) != 0 {
		t.Errorf("%+v, %v; want one received", a, err)
	}
}

func storeEnded(t *testing.T, s Opened) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	one := 1
	_, taken := s.Take(ctx, people.Contact{Owner: ann, Key: people.Hash{1}, Day: today, Normal: 9})
	for what, err := range map[string]error{
		"put": s.Put(ctx, ann, 0, bytes.Repeat([]byte{1}, 9)), "close": s.Close(ctx, ann, noon), "take": taken, "limit": s.SetLimit(ctx, ann, &one),
	} {
		if err == nil {
			t.Errorf("%s was done", what)
		}
	}
	if r := load(t, s, ann); r.Version != 0 || !r.Closed.IsZero() {
		t.Errorf("stored %+v", r)
	}
	if c, err := s.Count(t.Context(), ann, today, 9); err != nil || c != (people.Count{Limit: 9}) {
		t.Errorf("count %+v, %v", c, err)
	}
}
