package chattest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
)

// The members of the suite's conversations.
const (
	ann = identity.UserID("u-ann") // candidate
	rob = identity.UserID("u-rob") // recruiter
)

// Store runs what every chat.Store must do. open makes an empty one.
func Store(t *testing.T, open func(t *testing.T) chat.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s chat.Store)
	}{
		{"opening is idempotent by key", storeOpens},
		{"seq is dense from 1 in each conversation", storeNumbers},
		{"a repeat gives the first place and leaves the head", storeRepeats},
		{"one row's unknown conversation leaves the others", storeUnknownRow},
		{"cursors only move forward and stay at or below the head", storeMarks},
		{"pages are ascending and gap-free from either end", storePages},
		{"a page ends at its bytes", storePageBytes},
		{"lists give heads, cursors, last entries and unread", storeLists},
		{"heads are those of the conversations of one role", storeHeads},
		{"unread counts what others said and stops at its limit", storeUnread},
		{"a revision shows in place of what it changed", storeRevises},
		{"nothing follows a recall", storeRecalls},
		{"a page ends at its bytes, those of revisions included", storeRevisedBytes},
		{"a step is taken from its state, with its entry", storeTurns},
		{"a step that can't be taken leaves its batch", storeTurnsAmongOthers},
		{"of many who take one step one does", storeTurnsOnce},
		{"things are listed by kind and by expiry", storeThings},
		{"a conversation says how far it got", storeStands},
		{"a place is found by name", storePlaces},
		{"recent entries come from the end", storeRecent},
		{"a disclosure is in the transaction of its entry", storeDiscloses},
		{"a cancelled append can be repeated", storeCancelled},
		{"what is handed over stays as it was", storeCopies},
		{"concurrent batches keep order and density", storeConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// at is a moment to the microsecond; later numbers are later.
func at(n int) time.Time {
	return time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC).Add(time.Duration(n) * time.Second)
}

func newID(t testing.TB) chat.ConversationID {
	t.Helper()
	u, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return chat.ConversationID(u.String())
}

func founding(t testing.TB, key string, when int) chat.Founding {
	id := newID(t)
	return chat.Founding{
		ID: id, Key: key, Title: []byte("title of " + key), Opened: at(when),
		Seats: []chat.Seat{{User: rob, Role: identity.Recruiter, Name: []byte("r")}, {User: ann, Role: identity.Candidate, Name: []byte("a")}},
		First: chat.Row{Conversation: id, CID: "opened", Time: at(when), Type: chat.TypeSystem, Sealed: []byte("opened")},
	}
}

func mustOpen(t testing.TB, s chat.Store, key string, when int) chat.ConversationID {
	t.Helper()
	id, err := s.Open(t.Context(), founding(t, key, when))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func says(id chat.ConversationID, who identity.UserID, n int) chat.Row {
	return chat.Row{
		Conversation: id, Sender: who, CID: chat.ClientID(fmt.Sprintf("%s-%d", who, n)), Time: at(100 + n), Type: chat.TypeText,
		Sealed: fmt.Appendf(nil, "%s says %d", who, n),
	}
}

func appendRows(t testing.TB, s chat.Store, rows ...chat.Row) []chat.Placed {
	t.Helper()
	out, err := s.Append(t.Context(), chat.Batch{Rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Rows) != len(rows) || len(out.Marks) != 0 {
		t.Fatalf("outcome has %d rows and %d marks, want %d and 0", len(out.Rows), len(out.Marks), len(rows))
	}
	return out.Rows
}

func readAll(t testing.TB, s chat.Store, id chat.ConversationID) []chat.Entry {
	t.Helper()
	var all []chat.Entry
	for {
		page, head, err := s.Read(t.Context(), id, chat.Range{After: chat.Seq(len(all)), Limit: chat.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) == 0 || page[len(page)-1].Seq >= head {
			return all
		}
	}
}

func checkDense(t testing.TB, log []chat.Entry, want int) {
	t.Helper()
	if len(log) != want {
		t.Errorf("the log has %d entries, want %d", len(log), want)
	}
	for i, e := range log {
		if e.Seq != chat.Seq(i+1) {
			t.Fatalf("place %d of the log holds seq %d", i+1, e.Seq)
		}
	}
}

func storeOpens(t *testing.T, s chat.Store) {
	if _, err := s.Find(t.Context(), "k"); !errors.Is(err, chat.ErrUnknown) {
		t.Fatalf("find before opening: %v, want ErrUnknown", err)
	}
	f := founding(t, "k", 1)
	id, err := s.Open(t.Context(), f)
	if err != nil || id != f.ID {
		t.Fatalf("open: %v, %v; want the id of the founding", id, err)
	}
	again, err := s.Open(t.Context(), founding(t, "k", 2))
	if err != nil || again != id {
		t.Fatalf("open again: %v, %v; want %v", again, err, id)
	}
	if found, err := s.Find(t.Context(), "k"); err != nil || found != id {
		t.Fatalf("find: %v, %v; want %v", found, err, id)
	}
	log := readAll(t, s, id)
	checkDense(t, log, 1)
	if e := log[0]; e.Sender != "" || e.CID != "opened" || e.Type != chat.TypeSystem || !e.Time.Equal(at(1)) || string(e.Sealed) != "opened" {
		t.Errorf("first entry: %+v", e)
	}
	st, err := s.Load(t.Context(), id, "")
	if err != nil || string(st.Title) != "title of k" || !st.Opened.Equal(at(1)) || st.Unread != 0 {
		t.Errorf("load: %+v, %v", st, err)
	}
	if len(st.Seats) != 2 || st.Seats[0].User != rob || st.Seats[0].Role != identity.Recruiter || string(st.Seats[1].Name) != "a" {
		t.Errorf("seats: %+v, want the founding's in its order", st.Seats)
	}
	if _, err := s.Load(t.Context(), newID(t), ""); !errors.Is(err, chat.ErrUnknown) {
		t.Errorf("load of no conversation: %v, want ErrUnknown", err)
	}
}

func storeNumbers(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 2)
	placed := appendRows(t, s, says(a, ann, 1), says(b, ann, 1), says(a, rob, 1), says(a, ann, 2), says(b, rob, 1))
	for i, want := range []chat.Seq{2, 2, 3, 4, 3} {
		if placed[i].Seq != want || placed[i].Dup || placed[i].Err != nil {
			t.Errorf("row %d: %+v, want seq %d", i, placed[i], want)
		}
	}
	if p := appendRows(t, s, says(b, ann, 2)); p[0].Seq != 4 {
		t.Errorf("next batch: seq %d, want 4", p[0].Seq)
	}
	log := readAll(t, s, a)
	checkDense(t, log, 4)
	want := says(a, rob, 1)
	if e := log[2]; e.Conversation != a || e.Sender != rob || e.CID != want.CID || !e.Time.Equal(want.Time) ||
		e.Type != chat.TypeText || !bytes.Equal(e.Sealed, want.Sealed) {
		t.Errorf("seq 3: %+v, want %+v", e, want)
	}
	checkDense(t, readAll(t, s, b), 4)
}

func storeRepeats(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 2)
	first := says(a, ann, 1)
	appendRows(t, s, first)
	later := first
	later.Time, later.Sealed = at(500), []byte("something else")
	sameCID := says(a, rob, 1)
	sameCID.CID = first.CID
	elsewhere := first
	elsewhere.Conversation = b
	bySystem := first
	bySystem.Sender, bySystem.Type = "", chat.TypeSystem
	placed := appendRows(t, s, later, says(a, ann, 2), later, sameCID, elsewhere, bySystem, says(a, ann, 2), bySystem, says(a, ann, 3))
	for i, want := range []chat.Placed{
		{Seq: 2, Time: at(101), Dup: true}, {Seq: 3, Time: at(102)}, {Seq: 2, Time: at(101), Dup: true}, {Seq: 4, Time: at(101)},
		{Seq: 2, Time: at(101)}, {Seq: 5, Time: at(101)}, {Seq: 3, Time: at(102), Dup: true}, {Seq: 5, Time: at(101), Dup: true},
		{Seq: 6, Time: at(103)},
	} {
		if got := placed[i]; got.Seq != want.Seq || got.Dup != want.Dup || !got.Time.Equal(want.Time) || got.Err != nil {
			t.Errorf("row %d: %+v, want %+v", i, got, want)
		}
	}
	log := readAll(t, s, a)
	checkDense(t, log, 6)
	if string(log[1].Sealed) != string(first.Sealed) {
		t.Error("the repeat changed the entry")
	}
	appendRows(t, s, later) // nothing but a repeat
	st, err := s.Load(t.Context(), a, ann)
	if err != nil || st.Head != 6 || !st.Last.Time.Equal(at(103)) {
		t.Errorf("head after repeats: %d, %v; want 6", st.Head, err)
	}
}

func storeUnknownRow(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	placed := appendRows(t, s, says(newID(t), ann, 1), says(a, ann, 1))
	if !errors.Is(placed[0].Err, chat.ErrUnknown) {
		t.Errorf("unknown conversation: %+v, want ErrUnknown", placed[0])
	}
	if placed[1].Err != nil || placed[1].Seq != 2 {
		t.Errorf("its neighbour: %+v, want seq 2", placed[1])
	}
	if _, _, err := s.Read(t.Context(), newID(t), chat.Range{Limit: 1}); !errors.Is(err, chat.ErrUnknown) {
		t.Errorf("read of no conversation: %v, want ErrUnknown", err)
	}
}

func storeMarks(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	appendRows(t, s, says(a, rob, 1), says(a, rob, 2), says(a, rob, 3))
	mark := func(delivered, read chat.Seq) chat.Mark {
		return chat.Mark{Conversation: a, User: ann, Delivered: delivered, Read: read}
	}
	for _, c := range []struct {
		mark            chat.Mark
		delivered, read chat.Seq
		moved, arrived  bool
	}{
		{mark(2, 0), 2, 0, true, true},
		{mark(2, 0), 2, 0, false, false},
		{mark(1, 1), 2, 1, true, false},
		{mark(0, 3), 3, 3, true, true}, // what is read is delivered
		{mark(1, 2), 3, 3, false, false},
		{mark(math.MaxUint64, 0), 4, 3, true, true}, // beyond the head is the head
		{mark(0, math.MaxUint64), 4, 4, true, false},
		{mark(9, 9), 4, 4, false, false},
	} {
		out, err := s.Append(t.Context(), chat.Batch{Marks: []chat.Mark{c.mark}})
		if err != nil {
			t.Fatal(err)
		}
		want := chat.Moved{Cursor: chat.Cursor{Conversation: a, User: ann, Delivered: c.delivered, Read: c.read}, Moved: c.moved, Delivered: c.arrived}
		if out.Marks[0] != want {
			t.Errorf("mark %d/%d: %+v, want %+v", c.mark.Delivered, c.mark.Read, out.Marks[0], want)
		}
	}
	out, err := s.Append(t.Context(), chat.Batch{ // the mark comes after the row of its own batch
		Rows:  []chat.Row{says(a, rob, 4)},
		Marks: []chat.Mark{mark(5, 5), {Conversation: a, User: "u-nobody", Read: 1}, {Conversation: newID(t), User: ann, Read: 1}},
	})
	if err != nil || out.Marks[0].Cursor.Read != 5 {
		t.Fatalf("mark of the batch's own row: %+v, %v; want 5", out.Marks, err)
	}
	if !errors.Is(out.Marks[1].Err, chat.ErrUnknown) || !errors.Is(out.Marks[2].Err, chat.ErrUnknown) {
		t.Errorf("marks of a stranger and of no conversation: %+v, want ErrUnknown", out.Marks[1:])
	}
	st, err := s.Load(t.Context(), a, ann)
	if err != nil || st.Seats[1].Read != 5 || st.Seats[0].Read != 0 {
		t.Errorf("cursors after all: %+v, %v", st.Seats, err)
	}
}

func storeDiscloses(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 2)
	r := chat.Row{Conversation: a, CID: "d", Time: at(1), Type: chat.TypeSystem, Sealed: []byte("d"), Discloses: ann}
	appendRows(t, s, r)
	if p := appendRows(t, s, r); !p[0].Dup {
		t.Errorf("again: %+v, want a repeat", p[0])
	}
	for id, want := range map[chat.ConversationID]bool{a: true, b: false} {
		st, err := s.Load(t.Context(), id, "")
		if err != nil || st.Seats[0].Disclosed || st.Seats[1].Disclosed != want {
			t.Errorf("disclosed: %+v, %v; want %v for ann, false for rob", st.Seats, err, want)
		}
	}
}

func storeCancelled(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, chat.Batch{Rows: []chat.Row{says(a, ann, 1)}}); err == nil {
		t.Fatal("append with a cancelled context succeeded")
	}
	p := appendRows(t, s, says(a, ann, 1), says(a, ann, 2))
	if p[0].Seq != 2 || p[1].Seq != 3 {
		t.Errorf("afterwards: %+v, want seq 2 and 3", p)
	}
	checkDense(t, readAll(t, s, a), 3)
}

func storeCopies(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	r := says(a, ann, 1)
	appendRows(t, s, r)
	want := string(r.Sealed)
	r.Sealed[0] = 'X'
	got := readAll(t, s, a)[1].Sealed
	if string(got) != want {
		t.Fatalf("the store kept the caller's bytes")
	}
	got[0] = 'Y'
	st, err := s.Load(t.Context(), a, "")
	if err != nil || string(st.Last.Sealed) != want {
		t.Errorf("changing a page changed the log")
	}
}

func storeConcurrent(t *testing.T, s chat.Store) {
	const writers, batches, size = 6, 12, 8
	rooms := []chat.ConversationID{mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 1), mustOpen(t, s, "c", 1)}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			who := identity.UserID(fmt.Sprintf("u-%d", w))
			for n := range batches {
				rows := make([]chat.Row, 0, size+1)
				for i := range size {
					rows = append(rows, says(rooms[(w+i)%len(rooms)], who, n*size+i))
				}
				rows = append(rows, rows[n%size]) // and one of them again
				out, err := s.Append(t.Context(), chat.Batch{Rows: rows})
				if err != nil || !out.Rows[size].Dup || out.Rows[size].Seq != out.Rows[n%size].Seq {
					t.Errorf("writer %d, batch %d: %+v, %v", w, n, out.Rows, err)
					return
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for _, id := range rooms {
		log := readAll(t, s, id)
		checkDense(t, log, len(log))
		names := map[name]bool{}
		for _, e := range log {
			names[name{e.Sender, e.CID}] = true
		}
		if len(names) != len(log) {
			t.Errorf("%d names for %d entries", len(names), len(log))
		}
		total += len(log)
	}
	if want := writers*batches*size + len(rooms); total != want {
		t.Errorf("%d entries, want %d", total, want)
	}
}
