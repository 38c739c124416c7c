package chattest

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"testing"

	"parley/chat"
	"parley/internal/identity"
)

func storePages(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	for n := 1; n < 10; n++ { // seq 2 to 10
		appendRows(t, s, says(a, ann, n))
	}
	for _, c := range []struct {
		r           chat.Range
		first, last chat.Seq // 0: nothing
	}{
		{chat.Range{Limit: 3}, 1, 3},
		{chat.Range{After: 3, Limit: 3}, 4, 6},
		{chat.Range{After: 8, Limit: 200}, 9, 10},
		{chat.Range{After: 10, Limit: 5}, 0, 0},
		{chat.Range{After: math.MaxUint64, Limit: 5}, 0, 0},
		{chat.Range{Before: 11, Limit: 3}, 8, 10},
		{chat.Range{Before: math.MaxUint64, Limit: 3}, 8, 10},
		{chat.Range{Before: 5, Limit: 200}, 1, 4},
		{chat.Range{Before: 1, Limit: 3}, 0, 0},
		{chat.Range{After: 2, Before: 6, Limit: 2}, 4, 5},
		{chat.Range{After: 2, Before: 6, Limit: 9}, 3, 5},
		{chat.Range{After: 7, Before: 3, Limit: 9}, 0, 0},
	} {
		page, head, err := s.Read(t.Context(), a, c.r)
		if err != nil || head != 10 {
			t.Fatalf("read %+v: head %d, %v", c.r, head, err)
		}
		var want []chat.Seq
		for seq := c.first; seq > 0 && seq <= c.last; seq++ {
			want = append(want, seq)
		}
		var got []chat.Seq
		for _, e := range page {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, want) {
			t.Errorf("read %+v: %v, want %v", c.r, got, want)
		}
	}
}

func storePageBytes(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	for n, size := range []int{1, chat.MaxPageBytes / 2, chat.MaxPageBytes / 2, chat.MaxPageBytes + 1, 1} { // seq 2 to 6
		r := says(a, ann, n)
		r.Sealed = make([]byte, size)
		appendRows(t, s, r)
	}
	for _, c := range []struct {
		r           chat.Range
		first, last chat.Seq
	}{
		{chat.Range{Limit: 9}, 1, 3},
		{chat.Range{After: 3, Limit: 9}, 4, 4},
		{chat.Range{After: 4, Limit: 9}, 5, 5},
		{chat.Range{Before: 7, Limit: 9}, 6, 6},
		{chat.Range{Before: 6, Limit: 9}, 5, 5},
		{chat.Range{Before: 5, Limit: 9}, 3, 4},
	} {
		page, _, err := s.Read(t.Context(), a, c.r)
		if err != nil || len(page) == 0 {
			t.Fatalf("read %+v: %d entries, %v", c.r, len(page), err)
		}
		if got := page[0].Seq; got != c.first || page[len(page)-1].Seq != c.last {
			t.Errorf("read %+v: %d to %d, want %d to %d", c.r, got, page[len(page)-1].Seq, c.first, c.last)
		}
	}
}

func storeLists(t *testing.T, s chat.Store) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 2)
	f := founding(t, "c", 3)
	f.Seats[1].User = "u-other"
	if _, err := s.Open(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	appendRows(t, s, says(a, rob, 1))
	if _, err := s.Append(t.Context(), chat.Batch{Marks: []chat.Mark{{Conversation: a, User: rob, Delivered: 2, Read: 1}}}); err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), ann, 10)
	if err != nil || len(list) != 2 || list[0].ID != a || list[1].ID != b {
		t.Fatalf("list: %d, %v; want a then b, by last activity", len(list), err)
	}
	if st := list[0]; st.Head != 2 || st.Last == nil || st.Last.Seq != 2 || st.Last.Conversation != a || st.Last.Sender != rob ||
		!bytes.Equal(st.Last.Sealed, says(a, rob, 1).Sealed) || st.Unread != 1 {
		t.Errorf("a: %+v, last %+v", st, st.Last)
	}
	if seats := list[0].Seats; len(seats) != 2 || seats[0].User != rob || seats[0].Delivered != 2 || seats[0].Read != 1 {
		t.Errorf("seats of a: %+v", seats)
	}
	if list, err := s.List(t.Context(), rob, 2); err != nil || len(list) != 2 || list[0].ID != a || list[1].ID != f.ID {
		t.Errorf("list of rob, two of three: %d, %v; want a then c", len(list), err)
	}
	if list, err := s.List(t.Context(), "u-nobody", 10); err != nil || len(list) != 0 {
		t.Errorf("list of nobody: %d, %v; want none", len(list), err)
	}
}

func storeUnread(t *testing.T, s chat.Store) {
	a := mustOpen(t, s, "a", 1)
	card := chat.Row{Conversation: a, CID: "card", Time: at(1), Type: chat.TypeInterview, Sealed: []byte("c")}
	note := chat.Row{Conversation: a, CID: "note", Time: at(1), Type: chat.TypeSystem, Sealed: []byte("n")}
	mark := says(a, rob, 3)
	mark.Type = chat.TypeReaction
	appendRows(t, s, says(a, rob, 1), says(a, ann, 1), says(a, rob, 2), card, note, mark, edit(a, rob, 4, 2), recall(a, rob, 5, 2))
	check := func(user identity.UserID, want uint64) {
		t.Helper()
		st, err := s.Load(t.Context(), a, user)
		if err != nil || st.Unread != want {
			t.Errorf("unread of %s: %d, %v; want %d", user, st.Unread, err, want)
		}
	}
	check(ann, 3)
	check(rob, 2)
	check("", 0)
	check("u-nobody", 0)
	if _, err := s.Append(t.Context(), chat.Batch{Marks: []chat.Mark{{Conversation: a, User: ann, Read: 3}}}); err != nil {
		t.Fatal(err)
	}
	check(ann, 2)
	for n := 0; n < chat.MaxUnread; n += 100 {
		rows := make([]chat.Row, 100)
		for i := range rows {
			rows[i] = says(a, rob, 1000+n+i)
		}
		appendRows(t, s, rows...)
	}
	check(ann, chat.MaxUnread)
}

func storeHeads(t *testing.T, s chat.Store) {
	one, two := mustOpen(t, s, "k1", 1), mustOpen(t, s, "k2", 2)
	if _, err := s.Append(t.Context(), chat.Batch{Rows: []chat.Row{{Conversation: one, Sender: ann, CID: "c1", Time: at(3), Type: chat.TypeText, Sealed: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role  identity.Role
		limit int
		want  map[chat.ConversationID]chat.Seq
	}{
		{identity.Candidate, 10, map[chat.ConversationID]chat.Seq{one: 2, two: 1}},
		{identity.Candidate, 1, map[chat.ConversationID]chat.Seq{one: 2}},
		{identity.Recruiter, 10, map[chat.ConversationID]chat.Seq{}},
	} {
		got, err := s.Heads(t.Context(), ann, c.role, c.limit)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("heads of a %s, at most %d: %v, %v; want %v", c.role, c.limit, got, err, c.want)
		}
	}
}
