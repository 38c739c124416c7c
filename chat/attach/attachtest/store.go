package attachtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat/attach"
	"parley/internal/identity"
	"parley/storage/object"
)

// Opened is an empty store whose time a test moves.
type Opened struct {
	attach.Store
	attach.Sweeping
	// Pass has so much time pass for all that is in the store.
	Pass func(d time.Duration)
}

// Store runs what every store must do.
func Store(t *testing.T, open func(t *testing.T) Opened) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Opened)
	}{
		{"a row is given back as it was kept", keepsRows},
		{"parts follow one another without a gap", partsFollow},
		{"of two that go on at the same place one does", oneGoesOn},
		{"what is finished stays as it is", finishedStays},
		{"parts are nobody's once an upload is finished", partsGo},
		{"a day has limits for each person", dayHasLimits},
		{"limits hold for those who begin at once", limitsHoldAtOnce},
		{"what is not finished goes with its objects", unfinishedGoes},
		{"what was not sent goes and what was stays", unsentGoes},
		{"what was put and never referred to goes", claimsGo},
		{"an object that was given up can't be referred to", lostStaysLost},
		{"orphans are told until they are forgotten", orphansAreTold},
		{"what does not exist is unknown", unknown},
		{"an ended context does nothing", endedContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			c.run(t, open(t))
		})
	}
}

var plenty = attach.Day{Count: 1000, Bytes: 1 << 40}

func newRow(owner identity.UserID, announced int64) attach.Row {
	id := uuid.Must(uuid.NewV7()).String()
	return attach.Row{ID: attach.ID(id), Conversation: "c", Owner: owner, Kind: attach.Video, Name: []byte{1, 2, 3}, Announced: announced}
}

func (s Opened) begin(t testing.TB, owner identity.UserID, announced int64) attach.Row {
	t.Helper()
	r := newRow(owner, announced)
	if err := s.Begin(t.Context(), r, plenty); err != nil {
		t.Fatal(err)
	}
	return r
}

var minted struct {
	sync.Mutex
	n int
}

func key(what string) object.Key {
	minted.Lock()
	defer minted.Unlock()
	minted.n++
	return object.Key(fmt.Sprintf("attachment/%s-%d", what, minted.n))
}

// part claims and adds a part of ten bytes.
func (s Opened) part(t testing.TB, id attach.ID, start int64) attach.Part {
	t.Helper()
	p := attach.Part{Object: key("part"), Start: start, Size: 10}
	must(t, s.Claim(t.Context(), id, p.Object))
	must(t, s.Advance(t.Context(), id, p))
	return p
}

// finish claims and keeps a body and a thumbnail.
func (s Opened) finish(t testing.TB, id attach.ID) attach.Stored {
	t.Helper()
	st := attach.Stored{Media: "video/mp4", Body: key("body"), Size: 17, Thumb: key("thumb"), ThumbSize: 4, Width: 3, Height: 2, Duration: 1500 * time.Millisecond}
	must(t, s.Claim(t.Context(), id, st.Body, st.Thumb))
	must(t, s.Finish(t.Context(), id, st))
	return st
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s Opened) load(t testing.TB, id attach.ID) attach.Row {
	t.Helper()
	r, err := s.Load(t.Context(), id)
	must(t, err)
	return r
}

// orphans expects exactly these.
func (s Opened) orphans(t testing.TB, want ...object.Key) {
	t.Helper()
	got, err := s.Orphans(t.Context(), 1000)
	must(t, err)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("orphans %v, want %v", got, want)
	}
}

func (s Opened) gone(t testing.TB, id attach.ID) {
	t.Helper()
	if _, err := s.Load(t.Context(), id); !errors.Is(err, attach.ErrUnknown) {
		t.Errorf("load: %v, want %v", err, attach.ErrUnknown)
	}
}

func keepsRows(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	if got := s.load(t, r.ID); !reflect.DeepEqual(got, r) {
		t.Errorf("begun: %+v, want %+v", got, r)
	}
	r.Parts = []attach.Part{s.part(t, r.ID, 0), s.part(t, r.ID, 10)}
	r.Received = 20
	if got := s.load(t, r.ID); !reflect.DeepEqual(got, r) {
		t.Errorf("with parts: %+v, want %+v", got, r)
	}
	r.Stored, r.Done, r.Parts = s.finish(t, r.ID), true, nil
	if got := s.load(t, r.ID); !reflect.DeepEqual(got, r) {
		t.Errorf("finished: %+v, want %+v", got, r)
	}
	for range 2 {
		must(t, s.Use(t.Context(), r.ID))
	}
	if r.Used = true; !reflect.DeepEqual(s.load(t, r.ID), r) {
		t.Errorf("used: %+v", s.load(t, r.ID))
	}
}

func partsFollow(t *testing.T, s Opened) {
	r := s.begin(t, "u", 100)
	s.part(t, r.ID, 0)
	for _, start := range []int64{0, 9, 11, 20} {
		p := attach.Part{Object: key("part"), Start: start, Size: 10}
		must(t, s.Claim(t.Context(), r.ID, p.Object))
		if err := s.Advance(t.Context(), r.ID, p); !errors.Is(err, attach.ErrMoved) {
			t.Errorf("a part at %d where 10 is next: %v", start, err)
		}
	}
	if got := s.load(t, r.ID); got.Received != 10 || len(got.Parts) != 1 {
		t.Errorf("row %+v", got)
	}
}

func oneGoesOn(t *testing.T, s Opened) {
	r := s.begin(t, "u", 100)
	const many = 6
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		p := attach.Part{Object: key("part"), Size: 10}
		must(t, s.Claim(t.Context(), r.ID, p.Object))
		wg.Go(func() { errs[i] = s.Advance(t.Context(), r.ID, p) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, attach.ErrMoved) {
			t.Error(err)
		}
	}
	if got := s.load(t, r.ID); won != 1 || got.Received != 10 || len(got.Parts) != 1 {
		t.Errorf("%d went on; row %+v", won, got)
	}
}

func finishedStays(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	o := key("late")
	must(t, s.Claim(t.Context(), r.ID, o))
	st := s.finish(t, r.ID)
	tries := map[string]error{
		"claim":   s.Claim(t.Context(), r.ID, key("more")),
		"advance": s.Advance(t.Context(), r.ID, attach.Part{Object: o, Size: 10}),
		"finish":  s.Finish(t.Context(), r.ID, attach.Stored{Media: "other", Body: o, Size: 1}),
	}
	for what, err := range tries {
		if !errors.Is(err, attach.ErrMoved) {
			t.Errorf("%s: %v, want %v", what, err, attach.ErrMoved)
		}
	}
	if got := s.load(t, r.ID); got.Stored != st {
		t.Errorf("stored %+v, want %+v", got.Stored, st)
	}
}

func partsGo(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	a, b := s.part(t, r.ID, 0), s.part(t, r.ID, 10)
	s.orphans(t)
	s.finish(t, r.ID)
	s.orphans(t, a.Object, b.Object)
}

func dayHasLimits(t *testing.T, s Opened) {
	most := attach.Day{Count: 3, Bytes: 100}
	try := func(owner identity.UserID, size int64) error { return s.Begin(t.Context(), newRow(owner, size), most) }
	must(t, try("u", 60))
	if err := try("u", 41); !errors.Is(err, attach.ErrDay) {
		t.Errorf("beyond the bytes: %v", err)
	}
	must(t, try("u", 20))
	must(t, try("u", 20))
	if err := try("u", 0); !errors.Is(err, attach.ErrDay) {
		t.Errorf("beyond the count: %v", err)
	}
	must(t, try("other", 100))
	s.Pass(24*time.Hour + time.Minute)
	must(t, try("u", 100))
}

func limitsHoldAtOnce(t *testing.T, s Opened) {
	const many = 8
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() { errs[i] = s.Begin(t.Context(), newRow("u", 1), attach.Day{Count: 3, Bytes: 100}) })
	}
	wg.Wait()
	begun := 0
	for _, err := range errs {
		if err == nil {
			begun++
		} else if !errors.Is(err, attach.ErrDay) {
			t.Error(err)
		}
	}
	if begun != 3 {
		t.Errorf("%d began, want 3", begun)
	}
}

func unfinishedGoes(t *testing.T, s Opened) {
	r := s.begin(t, "u", 100)
	p := s.part(t, r.ID, 0)
	s.Pass(attach.Life - time.Minute)
	s.orphans(t)
	late := key("late")
	must(t, s.Claim(t.Context(), r.ID, late))
	s.Pass(2 * time.Minute)
	s.orphans(t, p.Object, late)
	s.gone(t, r.ID)
	if err := s.Advance(t.Context(), r.ID, attach.Part{Object: late, Start: 10, Size: 1}); !errors.Is(err, attach.ErrUnknown) {
		t.Errorf("advance: %v", err)
	}
}

func unsentGoes(t *testing.T, s Opened) {
	unsent, sent := s.begin(t, "u", 20), s.begin(t, "u", 20)
	u, _ := s.finish(t, unsent.ID), s.finish(t, sent.ID)
	must(t, s.Use(t.Context(), sent.ID))
	s.Pass(attach.Life + time.Minute)
	s.orphans(t, u.Body, u.Thumb)
	s.gone(t, unsent.ID)
	if err := s.Use(t.Context(), unsent.ID); !errors.Is(err, attach.ErrUnknown) {
		t.Errorf("use: %v", err)
	}
	s.Pass(1000 * time.Hour)
	s.orphans(t, u.Body, u.Thumb)
	if !s.load(t, sent.ID).Done {
		t.Error("what was sent has gone")
	}
}

func claimsGo(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	o := key("never")
	must(t, s.Claim(t.Context(), r.ID, o))
	s.Pass(attach.Put - time.Minute)
	s.orphans(t)
	s.Pass(2 * time.Minute)
	s.orphans(t, o)
}

func lostStaysLost(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	o, other := key("slow"), s.begin(t, "u", 20)
	must(t, s.Claim(t.Context(), r.ID, o))
	advance := func(id attach.ID) error { return s.Advance(t.Context(), id, attach.Part{Object: o, Size: 10}) }
	if err := advance(other.ID); !errors.Is(err, attach.ErrLost) {
		t.Errorf("another's object: %v", err)
	}
	s.Pass(attach.Put + time.Minute)
	s.orphans(t, o)
	if err := advance(r.ID); !errors.Is(err, attach.ErrLost) {
		t.Errorf("an object that was given up: %v", err)
	}
	if got := s.load(t, r.ID); got.Received != 0 {
		t.Errorf("an object that was given up is part of it: %+v", got)
	}
	for _, o := range []object.Key{o, key("never claimed")} {
		if err := s.Finish(t.Context(), r.ID, attach.Stored{Media: "m", Body: o, Size: 1}); !errors.Is(err, attach.ErrLost) {
			t.Errorf("finish: %v, want %v", err, attach.ErrLost)
		}
	}
	if s.load(t, r.ID).Done {
		t.Error("it is finished by an object that is gone")
	}
}

func orphansAreTold(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	a, b := s.part(t, r.ID, 0), s.part(t, r.ID, 10)
	st := s.finish(t, r.ID)
	for range 2 {
		s.orphans(t, a.Object, b.Object)
	}
	if some, err := s.Orphans(t.Context(), 1); err != nil || len(some) != 1 {
		t.Errorf("at most one: %v, %v", some, err)
	}
	must(t, s.Forget(t.Context(), []object.Key{a.Object, st.Body, "attachment/unheard-of"}))
	must(t, s.Forget(t.Context(), nil))
	s.orphans(t, b.Object)
	s.Pass(attach.Life + time.Minute)
	s.orphans(t, b.Object, st.Body, st.Thumb) // what is in use is not forgotten
}

func unknown(t *testing.T, s Opened) {
	s.gone(t, "nowhere")
	for what, err := range map[string]error{
		"claim":                   s.Claim(t.Context(), "nowhere", key("o")),
		"advance":                 s.Advance(t.Context(), "nowhere", attach.Part{Object: key("o"), Size: 1}),
		"finish":                  s.Finish(t.Context(), "nowhere", attach.Stored{Body: key("o")}),
		"use":                     s.Use(t.Context(), "nowhere"),
		"use of what is not done": s.Use(t.Context(), s.begin(t, "u", 1).ID),
	} {
		if !errors.Is(err, attach.ErrUnknown) {
			t.Errorf("%s: %v, want %v", what, err, attach.ErrUnknown)
		}
	}
}

func endedContext(t *testing.T, s Opened) {
	r := s.begin(t, "u", 20)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := newRow("u", 1)
	for what, err := range map[string]error{"begin": s.Begin(ctx, n, plenty), "claim": s.Claim(ctx, r.ID, key("o"))} {
		if err == nil {
			t.Errorf("%s with an ended context", what)
		}
	}
	s.gone(t, n.ID)
}
