package moderationtest

import (
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/chat/moderation"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Run runs what every store must do. open makes an empty one, and says which events it has put into the outbox.
func Run(t *testing.T, open func(t *testing.T) (Store, func() []outbox.Event)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s Store, events func() []outbox.Event)
	}{
		{"the last silence of a person holds", lastSilenceHolds},
		{"silences are listed in pages, without those that ended", listsSilences},
		{"a look finds what was set or lifted since", looks},
		{"a report is kept once, with its entries and event", filesOnce},
		{"reports are listed by outcome, in pages", listsReports},
		{"a report is closed once", closesOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // the tests mostly wait for disks
			s, events := open(t)
			c.run(t, s, events)
		})
	}
}

var moment = time.Date(2026, 3, 9, 9, 30, 0, 123456000, time.UTC)

func silence(t testing.TB, s Store, u identity.UserID, k moderation.SilenceKind, until time.Time) {
	t.Helper()
	if err := s.Silence(t.Context(), moderation.SilenceRow{User: u, Kind: k, Until: until, Reason: []byte("sealed")}); err != nil {
		t.Fatal(err)
	}
}

func silenced(t testing.TB, s Store, now time.Time, after identity.UserID, limit int) (users []identity.UserID) {
	t.Helper()
	rows, err := s.Silenced(t.Context(), now, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		users = append(users, r.User)
	}
	return users
}

func lastSilenceHolds(t *testing.T, s Store, _ func() []outbox.Event) {
	silence(t, s, "u-1", moderation.Mute, moment)
	silence(t, s, "u-1", moderation.Ban, time.Time{})
	rows, err := s.Silenced(t.Context(), moment.Add(time.Hour), "", 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r := rows[0]
	if r.User != "u-1" || r.Kind != moderation.Ban || !r.Until.IsZero() || string(r.Reason) != "sealed" || time.Since(r.Set).Abs() > time.Hour {
		t.Errorf("kept %+v", r)
	}
	silence(t, s, "u-1", "", time.Time{})
	if got := silenced(t, s, moment, "", 10); len(got) != 0 {
		t.Errorf("silent although lifted: %v", got)
	}
}

func listsSilences(t *testing.T, s Store, _ func() []outbox.Event) {
	for _, u := range []identity.UserID{"u-3", "u-1", "u-4", "u-2"} {
		silence(t, s, u, moderation.Mute, moment.Add(time.Hour))
	}
	silence(t, s, "u-0", moderation.Mute, moment)
	if got := silenced(t, s, moment, "", 3); !slices.Equal(got, []identity.UserID{"u-1", "u-2", "u-3"}) {
		t.Errorf("first page %v", got)
	}
	if got := silenced(t, s, moment, "u-3", 3); !slices.Equal(got, []identity.UserID{"u-4"}) {
		t.Errorf("second page %v", got)
	}
	if got := silenced(t, s, moment.Add(time.Hour), "", 10); len(got) != 0 {
		t.Errorf("after the end %v", got)
	}
	if err := s.Sweep(t.Context(), moment.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := silenced(t, s, moment, "", 10); len(got) != 4 {
		t.Errorf("a sweep deleted what was set a moment ago: %v", got)
	}
}

func looks(t *testing.T, s Store, _ func() []outbox.Event) {
	silence(t, s, "u-1", moderation.Mute, time.Time{})
	rows, now, err := s.Since(t.Context(), time.Time{})
	if err != nil || len(rows) != 1 || rows[0].Set.After(now) {
		t.Fatalf("%v at %v, %v", rows, now, err)
	}
	if rows, _, err = s.Since(t.Context(), now.Add(time.Hour)); err != nil || len(rows) != 0 {
		t.Errorf("in an hour %v, %v", rows, err)
	}
	silence(t, s, "u-1", "", time.Time{})
	if rows, _, err = s.Since(t.Context(), now); err != nil || len(rows) != 1 || rows[0].Kind != "" {
		t.Errorf("lifted: %v, %v", rows, err)
	}
}

func report(t testing.TB, cid string) (moderation.ReportRow, outbox.Event) {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	r := moderation.ReportRow{
		ID: moderation.ReportID(id.String()), Conversation: "c-1", Reporter: "u-1", CID: chat.ClientID("cid-" + cid), Reason: "fraud", Note: []byte("sealed"),
		Filed: moment, Entries: []moderation.Exhibit{{Seq: 3, Sender: "u-2", Digest: chain.Hash{3}}, {Seq: 7, Sender: "u-2", Digest: chain.Hash{7}}},
	}
	e := outbox.Event{Kind: outbox.ReportFiled, At: moment, Conversation: "c-1", Report: string(r.ID)}
	if e.ID, err = outbox.NewID(); err != nil {
		t.Fatal(err)
	}
	return r, e
}

func file(t testing.TB, s Store, cid string) moderation.ReportRow {
	t.Helper()
	r, e := report(t, cid)
	if id, err := s.File(t.Context(), r, e); err != nil || id != r.ID {
		t.Fatalf("filed as %s, %v", id, err)
	}
	return r
}

func filesOnce(t *testing.T, s Store, events func() []outbox.Event) {
	first := file(t, s, "a")
	var wg sync.WaitGroup
	for range 4 {
		again, e := report(t, "a")
		wg.Go(func() {
			if id, err := s.File(t.Context(), again, e); err != nil || id != first.ID {
				t.Errorf("again: %s, %v; want %s", id, err, first.ID)
			}
		})
	}
	wg.Wait()
	got, ok, err := s.Load(t.Context(), first.ID)
	if err != nil || !ok || !reflect.DeepEqual(got, first) {
		t.Errorf("loaded %+v, %v, %v; want %+v", got, ok, err, first)
	}
	if es := events(); len(es) != 1 || es[0].Report != string(first.ID) || es[0].Check() != nil {
		t.Errorf("events %+v", es)
	}
	quiet, _ := report(t, "b")
	if _, err := s.File(t.Context(), quiet, outbox.Event{}); err != nil || len(events()) != 1 {
		t.Errorf("without an event: %v, %d events", err, len(events()))
	}
	if n, err := s.Filed(t.Context(), "u-1", moment); n != 2 || err != nil {
		t.Errorf("filed %d, %v", n, err)
	}
	if n, err := s.Filed(t.Context(), "u-1", moment.Add(time.Second)); n != 0 || err != nil {
		t.Errorf("filed since %d, %v", n, err)
	}
	if _, ok, err := s.Load(t.Context(), "none"); ok || err != nil {
		t.Errorf("loaded what is not there: %v, %v", ok, err)
	}
}

func listsReports(t *testing.T, s Store, _ func() []outbox.Event) {
	a, b, c := file(t, s, "a"), file(t, s, "b"), file(t, s, "c")
	ids := func(o moderation.Outcome, after moderation.ReportID, limit int) (ids []moderation.ReportID) {
		rows, err := s.Find(t.Context(), o, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if ids = append(ids, r.ID); len(r.Entries) != 0 {
				t.Error("a list with entries")
			}
		}
		return ids
	}
	if ok, err := s.Close(t.Context(), b.ID, moderation.Upheld, moment); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := ids(moderation.Open, "", 1); !slices.Equal(got, []moderation.ReportID{a.ID}) {
		t.Errorf("first page %v", got)
	}
	if got := ids(moderation.Open, a.ID, 5); !slices.Equal(got, []moderation.ReportID{c.ID}) {
		t.Errorf("second page %v", got)
	}
	if got := ids(moderation.Upheld, "", 5); !slices.Equal(got, []moderation.ReportID{b.ID}) {
		t.Errorf("upheld %v", got)
	}
}

func closesOnce(t *testing.T, s Store, _ func() []outbox.Event) {
	r := file(t, s, "a")
	if ok, err := s.Close(t.Context(), r.ID, moderation.Dismissed, moment); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := s.Close(t.Context(), r.ID, moderation.Upheld, moment); ok || err != nil {
		t.Errorf("closed twice: %v, %v", ok, err)
	}
	if got, _, err := s.Load(t.Context(), r.ID); err != nil || got.Outcome != moderation.Dismissed || !got.Closed.Equal(moment) {
		t.Errorf("%+v, %v", got, err)
	}
	if ok, err := s.Close(t.Context(), "none", moderation.Upheld, moment); ok || err != nil {
		t.Errorf("closed what is not there: %v, %v", ok, err)
	}
}
