package crowdtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat/crowd"
)

// Store runs what every store of rooms must do. open makes an empty one.
func Store(t *testing.T, open func(t *testing.T) crowd.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s crowd.Store)
	}{
		{"a key is one room", storeOpens},
		{"rules change, and closing is for good", storeChanges},
		{"seqs are dense and a cid is one entry for ever", storeAppends},
		{"several at once never share a seq", storeAppendsAtOnce},
		{"an append that was given up leaves no hole", storeGivesUp},
		{"people are known a room each", storePeople},
		{"what is not there is unknown", storeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var noon = time.Date(2026, 3, 9, 12, 0, 0, 123000, time.UTC)

func opened(t testing.TB, s crowd.Store, key string) crowd.Room {
	t.Helper()
	r, err := s.Open(t.Context(), crowd.Room{ID: crowd.RoomID(uuid.Must(uuid.NewV7()).String()), Key: key, Title: "春季招聘", Opened: noon, Slow: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func row(user, cid string) crowd.Row {
	return crowd.Row{User: "u-1", CID: cid, Time: noon, Type: crowd.TypeText, Sealed: []byte(user + cid)}
}

func appended(t testing.TB, s crowd.Store, id crowd.RoomID, rows ...crowd.Row) []crowd.Placed {
	t.Helper()
	placed, err := s.Append(t.Context(), id, rows)
	if err != nil {
		t.Fatal(err)
	}
	return placed
}

func storeOpens(t *testing.T, s crowd.Store) {
	a, again, b := opened(t, s, "a"), opened(t, s, "a"), opened(t, s, "b")
	if a != again || a.ID == b.ID || !a.Open() || a.Slow != 5*time.Second || !a.Opened.Equal(noon) || a.Head != 0 {
		t.Errorf("rooms %+v, %+v, %+v", a, again, b)
	}
	if got, err := s.Load(t.Context(), a.ID); err != nil || got != a {
		t.Errorf("loaded %+v, %v, want %+v", got, err, a)
	}
}

func storeChanges(t *testing.T, s crowd.Store) {
	a := opened(t, s, "a")
	slow, first, later := time.Minute, noon.Add(time.Hour), noon.Add(2*time.Hour)
	got, err := s.Change(t.Context(), a.ID, &slow, nil)
	if err != nil || got.Slow != slow || !got.Open() {
		t.Errorf("slow: %+v, %v", got, err)
	}
	for _, at := range []time.Time{first, later} {
		if got, err = s.Change(t.Context(), a.ID, nil, &at); err != nil || got.Open() || !got.Closed.Equal(first) || got.Slow != slow {
			t.Errorf("closed: %+v, %v", got, err)
		}
	}
	if loaded, err := s.Load(t.Context(), a.ID); err != nil || !loaded.Closed.Equal(first) {
		t.Errorf("loaded %+v, %v", loaded, err)
	}
}

func storeAppends(t *testing.T, s crowd.Store) {
	a, b := opened(t, s, "a"), opened(t, s, "b")
	got := appended(t, s, a.ID, row("x", "1"), row("x", "2"), row("x", "1"))
	if want := []crowd.Placed{{Seq: 1}, {Seq: 2}, {Seq: 1, Dup: true}}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("placed %v, want %v", got, want)
	}
	other := row("y", "1")
	other.User = "another"
	got = appended(t, s, a.ID, row("x", "2"), other, row("x", "3"))
	if want := []crowd.Placed{{Seq: 2, Dup: true}, {Seq: 3}, {Seq: 4}}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("placed %v, want %v", got, want)
	}
	if got := appended(t, s, b.ID, row("x", "1")); got[0] != (crowd.Placed{Seq: 1}) {
		t.Errorf("another room placed %v", got)
	}
	log, err := s.Read(t.Context(), a.ID, 1, 2)
	if err != nil || len(log) != 2 || log[0].Seq != 2 || log[1].User != "another" || string(log[0].Sealed) != "x2" || !log[0].Time.Equal(noon) {
		t.Errorf("read %+v, %v", log, err)
	}
	if r, err := s.Load(t.Context(), a.ID); err != nil || r.Head != 4 {
		t.Errorf("head %d, %v", r.Head, err)
	}
}

func storeAppendsAtOnce(t *testing.T, s crowd.Store) {
	const writers, each = 4, 10
	a := opened(t, s, "a")
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Append(t.Context(), a.ID, []crowd.Row{row("", fmt.Sprint(w, "-", i, "a")), row("", fmt.Sprint(w, "-", i, "b"))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	log, err := s.Read(t.Context(), a.ID, 0, 1000)
	if err != nil || len(log) != 2*writers*each {
		t.Fatalf("%d entries, %v", len(log), err)
	}
	for i, e := range log {
		if e.Seq != uint64(i+1) {
			t.Errorf("place %d has seq %d", i+1, e.Seq)
		}
	}
}

func storeGivesUp(t *testing.T, s crowd.Store) {
	a := opened(t, s, "a")
	appended(t, s, a.ID, row("", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := s.(*Memory); !ok {
		if _, err := s.Append(ctx, a.ID, []crowd.Row{row("", "2")}); err == nil {
			t.Error("append with a cancelled context succeeded")
		}
	}
	if got := appended(t, s, a.ID, row("", "3")); got[0] != (crowd.Placed{Seq: 2}) {
		t.Errorf("placed %v", got)
	}
}

func storePeople(t *testing.T, s crowd.Store) {
	a, b := opened(t, s, "a"), opened(t, s, "b")
	for _, p := range []crowd.Person{{User: "u", Name: []byte("sealed")}, {User: "u", Host: true, Name: []byte("other"), MutedUntil: noon}} {
		if err := s.SetPerson(t.Context(), a.ID, p); err != nil {
			t.Fatal(err)
		}
		got, err := s.Person(t.Context(), a.ID, "u")
		if err != nil || got.Host != p.Host || string(got.Name) != string(p.Name) || !got.MutedUntil.Equal(p.MutedUntil) {
			t.Errorf("person %+v, %v, want %+v", got, err, p)
		}
	}
	if _, err := s.Person(t.Context(), b.ID, "u"); !errors.Is(err, crowd.ErrUnknown) {
		t.Errorf("in another room: %v", err)
	}
}

func storeUnknown(t *testing.T, s crowd.Store) {
	const nowhere crowd.RoomID = "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"
	_, loaded := s.Load(t.Context(), nowhere)
	_, changed := s.Change(t.Context(), nowhere, nil, nil)
	_, stored := s.Append(t.Context(), nowhere, []crowd.Row{row("", "1")})
	for what, err := range map[string]error{"load": loaded, "change": changed, "append": stored} {
		if !errors.Is(err, crowd.ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.SetPerson(t.Context(), nowhere, crowd.Person{User: "u", Name: []byte{}}); err == nil {
		t.Error("a person of no room was stored")
	}
}
