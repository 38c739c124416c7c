package chattest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// revises is the row of a revision of the target by its sender.
func revises(id chat.ConversationID, who identity.UserID, n int, kind string, target chat.Seq) chat.Row {
	r := says(id, who, n)
	r.Type, r.Revises = kind, &chat.Revision{Target: target, Kind: kind}
	return r
}

func edit(id chat.ConversationID, who identity.UserID, n int, target chat.Seq) chat.Row {
	return revises(id, who, n, chat.TypeEdit, target)
}

func recall(id chat.ConversationID, who identity.UserID, n int, target chat.Seq) chat.Row {
	return revises(id, who, n, chat.TypeRecall, target)
}

// shownAs says in short what is shown of the entries: "seq" as it was, "seq>by" revised, with "!" recalled.
func shownAs(log []chat.Entry) []string {
	var all []string
	for _, e := range log {
		switch r := e.Revised; {
		case r == nil:
			all = append(all, fmt.Sprint(e.Seq))
		case r.Kind == chat.TypeRecall:
			all = append(all, fmt.Sprintf("%d>%d!", e.Seq, r.Seq))
		default:
			all = append(all, fmt.Sprintf("%d>%d", e.Seq, r.Seq))
		}
	}
	return all
}

func storeRevises(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1)
	appendRows(t, s, says(a, ann, 1), says(a, ann, 2), says(a, rob, 1), says(b, ann, 1)) // a: 2, 3, 4
	placed := appendRows(t, s, edit(a, ann, 5, 2), edit(a, ann, 6, 2), says(a, rob, 7), recall(a, ann, 8, 3))
	for i, p := range placed {
		if p.Seq != chat.Seq(5+i) || p.Err != nil || p.Dup {
			t.Fatalf("revision %d: %+v, want seq %d", i, p, 5+i)
		}
	}
	want := []string{"1", "2>6", "3>8!", "4", "5>6", "6", "7", "8"}
	log := readAll(t, s, a)
	if got := shownAs(log); !slices.Equal(got, want) {
		t.Fatalf("shown as %v, want %v", got, want)
	}
	if e, by := log[1], log[1].Revised; string(e.Sealed) != "u-ann says 1" || string(by.Sealed) != "u-ann says 6" || by.CID != "u-ann-6" {
		t.Errorf("seq 2 is %q, edited to %q of %q", e.Sealed, by.Sealed, by.CID)
	}
	if by := log[2].Revised; len(by.Sealed) > 0 || by.CID != "" {
		t.Errorf("a recall shows %+v", by)
	}
	if page, _, err := s.Read(t.Context(), a, chat.Range{Before: 6, Limit: 4}); err != nil || !slices.Equal(shownAs(page), want[1:5]) {
		t.Errorf("from the end: %v, %v; want %v", shownAs(page), err, want[1:5])
	}
	for _, e := range readAll(t, s, b) {
		if e.Revised != nil {
			t.Errorf("another conversation's entry is revised: %+v", e)
		}
	}
}

// storeRecalls: nothing follows a recall, in the log or in what is shown.
func storeRecalls(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	appendRows(t, s, says(a, ann, 1)) // 2
	first := recall(a, ann, 2, 2)
	placed := appendRows(t, s, edit(a, ann, 3, 2), first, edit(a, ann, 4, 2), says(a, rob, 1), recall(a, ann, 5, 2), first)
	for i, want := range []chat.Placed{{Seq: 3}, {Seq: 4}, {Err: chat.ErrRecalled}, {Seq: 5}, {Err: chat.ErrRecalled}, {Seq: 4, Dup: true}} {
		if p := placed[i]; p.Seq != want.Seq || p.Dup != want.Dup || !errors.Is(p.Err, want.Err) {
			t.Errorf("row %d: %+v, want %+v", i, p, want)
		}
	}
	log := readAll(t, s, a)
	checkDense(t, log, 5)
	if got, want := shownAs(log), []string{"1", "2>4!", "3>4!", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("shown as %v, want %v", got, want)
	}
}

func storeRevisedBytes(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	var rows []chat.Row
	for n := range 3 { // 2 to 4 are small, 5 to 7 make them large
		rows = append(rows, says(a, ann, n))
	}
	for n := range 3 {
		r := edit(a, ann, 10+n, chat.Seq(2+n))
		r.Sealed = make([]byte, chat.MaxPageBytes/2-20)
		rows = append(rows, r)
	}
	appendRows(t, s, rows...)
	for _, c := range []struct {
		r           chat.Range
		first, last chat.Seq
	}{
		{chat.Range{After: 1, Limit: 3}, 2, 3},
		{chat.Range{Before: 5, Limit: 3}, 3, 4},
	} {
		page, _, err := s.Read(t.Context(), a, c.r)
		if err != nil || len(page) != 2 || page[0].Seq != c.first || page[1].Seq != c.last {
			t.Errorf("read %+v: %v, %v; want %d to %d", c.r, shownAs(page), err, c.first, c.last)
		}
	}
}

// turns is the row of a step.
func turns(id chat.ConversationID, who identity.UserID, n int, step chat.Turn) chat.Row {
	r := says(id, who, n)
	r.Type, r.Turn = chat.TypeExchange, &step
	return r
}

func storeTurns(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1)
	begin := chat.Turn{
		Thing: "t1", Kind: chat.KindExchange, What: "wechat", Opener: ann, To: "requested", Expires: at(500), Sealed: []byte{1, 2},
	}
	asked := turns(a, ann, 1, begin)
	accept := chat.Turn{Thing: "t1", From: "requested", To: chat.StateAccepted}
	other := begin
	other.Thing = "t2"
	for i, c := range []struct {
		row  chat.Row
		want chat.Placed
	}{
		{turns(a, rob, 1, accept), chat.Placed{Err: chat.ErrTurn}}, // of nothing
		{asked, chat.Placed{Seq: 2}},
		{asked, chat.Placed{Seq: 2, Dup: true}},
		{turns(a, ann, 2, begin), chat.Placed{Err: chat.ErrTurn}}, // again, as another entry
		{turns(a, ann, 3, other), chat.Placed{Seq: 3}},
		{turns(b, ann, 1, begin), chat.Placed{Seq: 2}}, // elsewhere
		{turns(a, rob, 2, chat.Turn{Thing: "t1", From: "accepted", To: "withdrawn"}), chat.Placed{Err: chat.ErrTurn}},
		{turns(a, rob, 3, chat.Turn{Thing: "t1", From: "requested", After: 3, To: "accepted"}), chat.Placed{Err: chat.ErrTurn}},
		{turns(a, rob, 4, chat.Turn{Thing: "t1", From: "requested", After: 2, To: "requested"}), chat.Placed{Seq: 4}},
		{turns(a, rob, 5, accept), chat.Placed{Seq: 5}},
		{turns(a, rob, 5, accept), chat.Placed{Seq: 5, Dup: true}}, // the repeat of the entry is that of the step
		{turns(a, rob, 6, accept), chat.Placed{Err: chat.ErrTurn}},
		{turns(newID(t), rob, 1, accept), chat.Placed{Err: chat.ErrUnknown}},
	} {
		got := appendRows(t, s, c.row)[0]
		if got.Seq != c.want.Seq || got.Dup != c.want.Dup || !errors.Is(got.Err, c.want.Err) || (got.Err == nil) != (c.want.Err == nil) {
			t.Errorf("step %d: %+v, want %+v", i, got, c.want)
		}
	}
	got, err := s.Thing(t.Context(), a, "t1")
	want := chat.Thing{
		Conversation: a, ID: "t1", Kind: chat.KindExchange, What: "wechat", State: chat.StateAccepted, Opener: ann, Seq: 5, Changed: at(105),
		Sealed: []byte{1, 2},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the thing is %+v, %v\nwant %+v", got, err, want)
	}
	if _, err := s.Thing(t.Context(), b, "t2"); !errors.Is(err, chat.ErrUnknown) {
		t.Errorf("a thing of another conversation: %v, want ErrUnknown", err)
	}
	checkDense(t, readAll(t, s, a), 5)
}

// storeTurnsAmongOthers: a step that can't be taken leaves no entry and does not keep its batch from the log.
func storeTurnsAmongOthers(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1)
	step := chat.Turn{Thing: "t", Kind: chat.KindAppointment, Opener: rob, To: "invited"}
	again := turns(a, rob, 2, step)
	out, err := s.Append(t.Context(), chat.Batch{
		Rows: []chat.Row{
			says(b, ann, 1), says(a, ann, 1), turns(a, rob, 1, step), again, says(a, ann, 2), says(a, ann, 1),
			turns(a, ann, 3, chat.Turn{Thing: "t", From: "invited", To: "accepted", Expires: at(9), Sealed: []byte{7}}),
		},
		Marks: []chat.Mark{{Conversation: a, User: ann, Read: 9}, {Conversation: b, User: rob, Delivered: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []chat.Placed{{Seq: 2}, {Seq: 2}, {Seq: 3}, {Err: chat.ErrTurn}, {Seq: 4}, {Seq: 2, Dup: true}, {Seq: 5}} {
		if p := out.Rows[i]; p.Seq != want.Seq || p.Dup != want.Dup || !errors.Is(p.Err, want.Err) {
			t.Errorf("row %d: %+v, want %+v", i, p, want)
		}
	}
	if out.Marks[0].Cursor.Read != 5 || out.Marks[1].Cursor.Delivered != 1 {
		t.Errorf("marks %+v", out.Marks)
	}
	checkDense(t, readAll(t, s, a), 5)
	if p := appendRows(t, s, again)[0]; !errors.Is(p.Err, chat.ErrTurn) {
		t.Errorf("what was refused, again: %+v, want ErrTurn", p)
	}
}

// storeTurnsOnce: of many who take the same step at once, one does.
func storeTurnsOnce(t *testing.T, s chat.Store) {
	const takers = 8
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1)
	for _, id := range []chat.ConversationID{a, b} {
		appendRows(t, s, turns(id, ann, 0, chat.Turn{Thing: "t", Kind: chat.KindExchange, Opener: ann, To: "requested"}))
	}
	taken := make([][]chat.Placed, takers)
	var wg sync.WaitGroup
	for i := range takers {
		wg.Go(func() {
			step := chat.Turn{Thing: "t", From: "requested", To: fmt.Sprint("state of ", i)}
			rows := []chat.Row{turns(a, rob, i, step), turns(b, rob, i, step), says(a, ann, 100+i)}
			if i%2 == 1 {
				slices.Reverse(rows)
			}
			out, err := s.Append(t.Context(), chat.Batch{Rows: rows})
			if err != nil {
				t.Error(err)
			}
			taken[i] = out.Rows
		})
	}
	wg.Wait()
	won := 0
	for _, p := range slices.Concat(taken...) {
		switch {
		case p.Err == nil:
			won++
		case !errors.Is(p.Err, chat.ErrTurn):
			t.Errorf("outcome %+v, want ErrTurn", p)
		}
	}
	if want := 2 + takers; won != want {
		t.Errorf("%d rows were stored, want %d", won, want)
	}
	checkDense(t, readAll(t, s, a), 3+takers)
}

func storeThings(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1)
	make := func(n int, thing chat.ThingID, kind string, expires time.Time) chat.Row {
		return turns(a, ann, n, chat.Turn{Thing: thing, Kind: kind, Opener: ann, To: "new", Expires: expires})
	}
	elsewhere := make(9, "t9", chat.KindExchange, at(300))
	elsewhere.Conversation = b
	appendRows(t, s, make(1, "t1", chat.KindExchange, at(200)), make(2, "t2", chat.KindExchange, time.Time{}),
		make(3, "t3", chat.KindAppointment, at(100)), make(4, "t4", chat.KindExchange, at(400)), elsewhere,
		turns(a, rob, 5, chat.Turn{Thing: "t1", From: "new", To: "old", Expires: at(250)}))
	ids := func(all []chat.Thing, err error) []chat.ThingID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var out []chat.ThingID
		for _, x := range all {
			out = append(out, x.ID)
		}
		return out
	}
	for _, c := range []struct {
		what string
		got  []chat.ThingID
		want []chat.ThingID
	}{
		{"exchanges of a", ids(s.Things(t.Context(), a, chat.KindExchange)), []chat.ThingID{"t1", "t4", "t2"}},
		{"appointments of a", ids(s.Things(t.Context(), a, chat.KindAppointment)), []chat.ThingID{"t3"}},
		{"appointments of b", ids(s.Things(t.Context(), b, chat.KindAppointment)), nil},
		{"things of nowhere", ids(s.Things(t.Context(), newID(t), chat.KindExchange)), nil},
		{"exchanges that expire", ids(s.Expiring(t.Context(), chat.KindExchange, at(400), 9)), []chat.ThingID{"t1", "t9"}},
		{"one of them", ids(s.Expiring(t.Context(), chat.KindExchange, at(999), 1)), []chat.ThingID{"t1"}},
		{"all of them", ids(s.Expiring(t.Context(), chat.KindExchange, at(999), 9)), []chat.ThingID{"t1", "t9", "t4"}},
		{"none of them yet", ids(s.Expiring(t.Context(), chat.KindExchange, at(250), 9)), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// storeStands: what an inbox sorts by.
func storeStands(t *testing.T, s chat.Store) {
	f := founding(t, "a", 1)
	f.Starter, f.Seats[0].Company = rob, "c-1"
	if _, err := s.Open(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	check := func(what string, spoke [2]bool, exchanged bool, appointment string) {
		t.Helper()
		st, err := s.Load(t.Context(), f.ID, ann)
		list, lerr := s.List(t.Context(), ann, 9)
		if err != nil || lerr != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", what, err, lerr)
		}
		for _, st := range append(list, st) {
			if st.Starter != rob || st.Seats[0].Company != "c-1" || st.Seats[1].Company != "" {
				t.Errorf("%s: started by %q, companies of %+v", what, st.Starter, st.Seats)
			}
			if got := [2]bool{st.Seats[0].Spoke, st.Seats[1].Spoke}; got != spoke || st.Exchanged != exchanged || st.Appointment != appointment {
				t.Errorf("%s: spoke %v, exchanged %v, appointment %q", what, got, st.Exchanged, st.Appointment)
			}
		}
	}
	check("at first", [2]bool{}, false, "")
	appendRows(t, s, says(f.ID, rob, 1),
		turns(f.ID, rob, 2, chat.Turn{Thing: "x", Kind: chat.KindExchange, Opener: rob, To: "requested"}),
		turns(f.ID, rob, 3, chat.Turn{Thing: "m", Kind: chat.KindAppointment, Opener: rob, To: "invited"}),
		turns(f.ID, rob, 4, chat.Turn{Thing: "n", Kind: chat.KindAppointment, Opener: rob, To: "cancelled"}))
	check("after an invitation", [2]bool{true, false}, false, "cancelled")
	appendRows(t, s, turns(f.ID, ann, 1, chat.Turn{Thing: "x", From: "requested", To: chat.StateAccepted}),
		turns(f.ID, ann, 2, chat.Turn{Thing: "m", From: "invited", To: "accepted"}))
	check("once accepted", [2]bool{true, true}, true, "accepted")
	appendRows(t, s, turns(f.ID, ann, 3, chat.Turn{Thing: "x", From: chat.StateAccepted, To: "withdrawn"}))
	check("once withdrawn", [2]bool{true, true}, false, "accepted")
}

func storePlaces(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	appendRows(t, s, says(a, ann, 1))
	p, err := s.Place(t.Context(), a, ann, "u-ann-1")
	if err != nil || p.Seq != 2 || !p.Dup || !p.Time.Equal(at(101)) {
		t.Errorf("place %+v, %v; want 2", p, err)
	}
	for _, n := range []chat.Row{says(a, rob, 1), says(a, ann, 2), says(newID(t), ann, 1)} {
		if p, err := s.Place(t.Context(), n.Conversation, n.Sender, "u-ann-1"+n.CID); !errors.Is(err, chat.ErrUnknown) {
			t.Errorf("place of nothing: %+v, %v; want ErrUnknown", p, err)
		}
	}
	if _, err := s.Place(t.Context(), a, rob, "u-ann-1"); !errors.Is(err, chat.ErrUnknown) {
		t.Errorf("the same cid of another sender: %v, want ErrUnknown", err)
	}
}

func storeRecent(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1) // seq 1 at 1
	for n := range 6 {          // seq 2 to 7 at 100 to 105
		appendRows(t, s, says(a, ann, n))
	}
	appendRows(t, s, edit(a, ann, 6, 3), recall(a, ann, 7, 4)) // 8 and 9 at 106 and 107
	for _, c := range []struct {
		below chat.Seq
		until int
		limit int
		want  []string
	}{
		{0, 999, 3, []string{"9", "8", "7"}},
		{0, 104, 9, []string{"5", "4>9!", "3>8", "2", "1"}},
		{5, 999, 2, []string{"4>9!", "3>8"}},
		{9, 101, 9, []string{"2", "1"}},
		{1, 999, 9, nil},
		{0, 1, 9, nil},
	} {
		got, err := s.Recent(t.Context(), a, c.below, at(c.until), c.limit)
		if err != nil || !slices.Equal(shownAs(got), c.want) {
			t.Errorf("below %d until %d: %v, %v; want %v", c.below, c.until, shownAs(got), err, c.want)
		}
	}
	if got, err := s.Recent(t.Context(), newID(t), 0, at(999), 9); err != nil || len(got) > 0 {
		t.Errorf("of nowhere: %v, %v", got, err)
	}
}
