package sealertest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/sealer"
	"parley/internal/chain"
	"parley/internal/identity"
)

// Stores are the two sides of one database.
type Stores struct {
	Chat  chat.Store
	Seals sealer.Store
}

// Store runs the suite. fresh is called once a test and returns what opens the same, at first empty, database at each call, after the
// one before was closed; stores that forget return the same each time.
func Store(t *testing.T, fresh func(t *testing.T) func() Stores) {
	for name, f := range map[string]func(*testing.T, func() Stores){
		"AConversationIsBehindUntilItIsSealed":      behindUntilSealed,
		"WhatIsCommittedIsReadBackAfterARestart":    readBack,
		"OneOfTwoTreesOfANumberIsRefusedAsAWhole":   sameTree,
		"OneOfTwoSealsOfANumberIsRefusedAsAWhole":   sameSeal,
		"SpansAreReadAscendingAndNoFurther":         spans,
		"ManyCommittersMakeOneChainWithoutAHole":    manyCommitters,
		"WhatIsBehindIsFoundPageByPage":             behindByPages,
		"UnknownConversationsAreLeftOut":            unknownLeftOut,
		"MembersAreInTheOrderOfOpening":             membersInOrder,
		"ACommitWhoseContextHasEndedStoresNothing":  cancelled,
		"TreesAndSealsAreListedPageByPage":          listedByPages,
		"ATimeIsReadBackToTheMicrosecondAndUnmoved": timesStay,
	} {
		t.Run(name, func(t *testing.T) { f(t, fresh(t)) })
	}
}

var opened = time.Date(2026, 3, 9, 9, 30, 0, 123456000, time.UTC)

// open founds a conversation between two with n entries.
func open(t *testing.T, s Stores, key string, n int) chat.ConversationID {
	t.Helper()
	id := chat.ConversationID("0195794e-8f10-7c3a-9d42-" + fmt.Sprintf("%012x", []byte(key))[:12])
	_, err := s.Chat.Open(t.Context(), chat.Founding{ID: id, Key: key, Title: []byte{1}, Opened: opened,
		Seats: []chat.Seat{{User: "u-rob", Role: identity.Recruiter, Name: []byte{1}}, {User: "u-ann", Role: identity.Candidate, Name: []byte{2}}},
		First: says(id, "", 1)})
	if err != nil {
		t.Fatal(err)
	}
	more(t, s, id, 2, n)
	return id
}

// more appends the entries from the first to the last seq.
func more(t *testing.T, s Stores, id chat.ConversationID, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if _, err := s.Chat.Append(t.Context(), chat.Batch{Rows: []chat.Row{says(id, "u-ann", n)}}); err != nil {
			t.Fatal(err)
		}
	}
}

func says(id chat.ConversationID, who identity.UserID, n int) chat.Row {
	return chat.Row{Conversation: id, Sender: who, CID: chat.ClientID(fmt.Sprintf("0195794f-0000-7000-8000-%012d", n)),
		Time: opened.Add(time.Duration(n) * time.Second), Type: chat.TypeText, Sealed: []byte{1, byte(n), 255}}
}

var signing = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// tree is a signed tree after last with one more seal of each conversation, over what stands now.
func tree(t *testing.T, s Stores, last sealer.Tree, ids ...chat.ConversationID) sealer.Tree {
	t.Helper()
	var next sealer.Tree
	next.Number, next.Leaves, next.Time = last.Number+1, uint64(len(ids)), opened.Add(time.Duration(last.Number)*time.Minute)
	if last.Number > 0 {
		next.Prev = last.Hash()
	}
	for i, id := range ids {
		st := standing(t, s, id)
		seal := chain.Seal{Conversation: string(id), Seal: st.Last.Seal + 1, Entries: st.Head, Head: chain.Leaf([]byte(id)), Tree: next.Number, Time: next.Time}
		if st.Last.Seal > 0 {
			_, seal.Prev, _ = st.Last.Encode()
		}
		_, leaf, err := seal.Encode()
		if err != nil {
			t.Fatal(err)
		}
		next.Seals, next.Hashes = append(next.Seals, sealer.Seal{Seal: seal, Leaf: uint64(i)}), append(next.Hashes, leaf)
	}
	next.Root = chain.Root(next.Hashes)
	sig, err := chain.SignWith(signing, next.Message())
	if err != nil {
		t.Fatal(err)
	}
	next.Key, next.Signature, next.PublicKey = sig.Key, sig.Bytes, signing.Public().(ed25519.PublicKey)
	return next
}

func commit(t *testing.T, s Stores, ids ...chat.ConversationID) sealer.Tree {
	t.Helper()
	last, err := s.Seals.Tree(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	next := tree(t, s, last, ids...)
	if err := s.Seals.Commit(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	return next
}

func standing(t *testing.T, s Stores, id chat.ConversationID) sealer.Standing {
	t.Helper()
	list, err := s.Seals.Standings(t.Context(), []chat.ConversationID{id})
	if err != nil || len(list) != 1 {
		t.Fatalf("standing of %s: %+v, %v", id, list, err)
	}
	return list[0]
}

func wantBehind(t *testing.T, s Stores, want ...chat.ConversationID) {
	t.Helper()
	got, last, err := s.Seals.Behind(t.Context(), "", 100)
	if err != nil || last != "" || !slices.Equal(got, want) {
		t.Errorf("behind are %v (to %q), %v; want %v", got, last, err, want)
	}
}

func behindUntilSealed(t *testing.T, opener func() Stores) {
	s := opener()
	wantBehind(t, s)
	id := open(t, s, "a", 3)
	wantBehind(t, s, id)
	if st := standing(t, s, id); st.Head != 3 || st.Last != (chain.Seal{}) || !st.Opened.Equal(opened) {
		t.Errorf("at first: %+v", st)
	}
	made := commit(t, s, id)
	wantBehind(t, s)
	if st := standing(t, s, id); st.Last != made.Seals[0].Seal {
		t.Errorf("sealed: %+v, want %+v", st.Last, made.Seals[0].Seal)
	}
	more(t, s, id, 4, 4)
	wantBehind(t, s, id)
	second := commit(t, s, id)
	if st := standing(t, s, id); st.Last.Seal != 2 || st.Last != second.Seals[0].Seal || st.Last.Prev != made.Hashes[0] {
		t.Errorf("sealed again: %+v", st.Last)
	}
	wantBehind(t, s)
}

func readBack(t *testing.T, opener func() Stores) {
	s := opener()
	a, b := open(t, s, "a", 2), open(t, s, "b", 5)
	first, second := commit(t, s, a, b), commit(t, s, b)
	s = opener()
	for number, want := range map[uint64]sealer.Tree{0: second, 1: first, 2: second, 3: {}} {
		got, err := s.Seals.Tree(t.Context(), number)
		want.Seals = nil
		if got.Seals = nil; err != nil || !reflect.DeepEqual(got, want) && !(number == 3 && got.Number == 0) {
			t.Errorf("tree %d: %+v, %v; want %+v", number, got, err, want)
		}
	}
	seals, err := s.Seals.Seals(t.Context(), b, 0, 10)
	if want := []sealer.Seal{first.Seals[1], second.Seals[0]}; err != nil || !reflect.DeepEqual(seals, want) {
		t.Errorf("seals: %+v, %v; want %+v", seals, err, want)
	}
	if got, err := s.Seals.Tree(t.Context(), 1); err != nil || got.Verify(got.PublicKey) != nil {
		t.Errorf("the signature was changed on the way: %v", err)
	}
}

// refused wants the commit to fail with the error and to leave nothing.
func refused(t *testing.T, s Stores, next sealer.Tree, want error) {
	t.Helper()
	before, err := s.Seals.Tree(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Seals.Commit(t.Context(), next); !errors.Is(err, want) {
		t.Errorf("commit: %v, want %v", err, want)
	}
	if after, err := s.Seals.Tree(t.Context(), 0); err != nil || after.Number != before.Number {
		t.Errorf("the last tree is %d, %v; want %d", after.Number, err, before.Number)
	}
}

func sameTree(t *testing.T, opener func() Stores) {
	s := opener()
	a, b := open(t, s, "a", 2), open(t, s, "b", 2)
	late := tree(t, s, sealer.Tree{}, b)
	commit(t, s, a)
	refused(t, s, late, sealer.ErrTree)
	wantBehind(t, s, b)
}

func sameSeal(t *testing.T, opener func() Stores) {
	s := opener()
	a, b := open(t, s, "a", 2), open(t, s, "b", 2)
	first := tree(t, s, sealer.Tree{}, b)
	late := tree(t, s, first, a, b)
	if err := s.Seals.Commit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	refused(t, s, late, sealer.ErrSealed)
	wantBehind(t, s, a)
}

func spans(t *testing.T, opener func() Stores) {
	s := opener()
	a, b := open(t, s, "a", 9), open(t, s, "b", 4)
	got, err := s.Seals.Entries(t.Context(), []sealer.Span{{Conversation: b, After: 0, To: 2}, {Conversation: a, After: 3, To: 7}, {Conversation: "none", After: 0, To: 9}})
	if err != nil {
		t.Fatal(err)
	}
	seqs := map[chat.ConversationID][]uint64{}
	for _, e := range got {
		seqs[e.Conversation] = append(seqs[e.Conversation], e.Seq)
	}
	if !reflect.DeepEqual(seqs, map[chat.ConversationID][]uint64{a: {4, 5, 6, 7}, b: {1, 2}}) {
		t.Errorf("entries %v", seqs)
	}
	for _, e := range got {
		if e.Conversation == a && e.Seq == 5 {
			want := says(a, "u-ann", 5)
			if e.Sender != want.Sender || e.CID != want.CID || !e.Time.Equal(want.Time) || e.Type != want.Type || !slices.Equal(e.Sealed, want.Sealed) {
				t.Errorf("entry %+v, want %+v", e, want)
			}
		}
	}
}

func manyCommitters(t *testing.T, opener func() Stores) {
	const nodes, each = 4, 6
	s := opener()
	var rooms []chat.ConversationID
	for i := range nodes {
		rooms = append(rooms, open(t, s, fmt.Sprint(i), 2))
	}
	var wg sync.WaitGroup
	for n := range nodes {
		wg.Go(func() {
			for done := 0; done < each; {
				last, err := s.Seals.Tree(t.Context(), 0)
				if err != nil {
					t.Error(err)
					return
				}
				err = s.Seals.Commit(t.Context(), tree(t, s, last, rooms[n], rooms[(n+1)%nodes]))
				if err == nil {
					done++
				} else if !errors.Is(err, sealer.ErrTree) && !errors.Is(err, sealer.ErrSealed) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Seals.Trees(t.Context(), 0, 100)
	if err != nil || len(list) != nodes*each {
		t.Fatalf("%d trees, %v; want %d", len(list), err, nodes*each)
	}
	var prev chain.Hash
	for i, one := range list {
		if one.Number != uint64(i+1) || one.Prev != prev {
			t.Errorf("tree %d at place %d does not follow", one.Number, i+1)
		}
		prev = one.Hash()
	}
	for _, id := range rooms {
		if st := standing(t, s, id); st.Last.Seal != 2*each {
			t.Errorf("%d seals of %s, want %d", st.Last.Seal, id, 2*each)
		}
	}
}

func behindByPages(t *testing.T, opener func() Stores) {
	s := opener()
	var all []chat.ConversationID
	for i := range 7 {
		all = append(all, open(t, s, fmt.Sprint(i), 1))
	}
	commit(t, s, all[1], all[2], all[5])
	var got []chat.ConversationID
	for after, steps := chat.ConversationID(""), 0; ; steps++ {
		page, last, err := s.Seals.Behind(t.Context(), after, 2)
		if err != nil || steps > len(all) {
			t.Fatal(err, steps)
		}
		got = append(got, page...)
		if after = last; last == "" {
			break
		}
	}
	if want := []chat.ConversationID{all[0], all[3], all[4], all[6]}; !slices.Equal(got, want) {
		t.Errorf("behind are %v, want %v", got, want)
	}
}

func unknownLeftOut(t *testing.T, opener func() Stores) {
	s := opener()
	a := open(t, s, "a", 1)
	list, err := s.Seals.Standings(t.Context(), []chat.ConversationID{"none", a})
	if err != nil || len(list) != 1 || list[0].Conversation != a {
		t.Errorf("standings %+v, %v", list, err)
	}
	members, err := s.Seals.Members(t.Context(), []chat.ConversationID{"none"})
	if err != nil || len(members) != 0 {
		t.Errorf("members %+v, %v", members, err)
	}
}

func membersInOrder(t *testing.T, opener func() Stores) {
	s := opener()
	a, b := open(t, s, "a", 1), open(t, s, "b", 1)
	got, err := s.Seals.Members(t.Context(), []chat.ConversationID{b, a})
	want := []sealer.Member{{User: "u-rob", Role: identity.Recruiter}, {User: "u-ann", Role: identity.Candidate}}
	if err != nil || len(got) != 2 || !slices.Equal(got[a], want) || !slices.Equal(got[b], want) {
		t.Errorf("members %+v, %v; want %+v", got, err, want)
	}
}

func cancelled(t *testing.T, opener func() Stores) {
	s := opener()
	a := open(t, s, "a", 1)
	next := tree(t, s, sealer.Tree{}, a)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Seals.Commit(ctx, next); err == nil {
		t.Error("it was committed")
	}
	wantBehind(t, s, a)
	if err := s.Seals.Commit(t.Context(), next); err != nil {
		t.Error(err)
	}
}

func listedByPages(t *testing.T, opener func() Stores) {
	s := opener()
	a := open(t, s, "a", 1)
	for range 5 {
		commit(t, s, a)
	}
	for _, c := range []struct {
		after uint64
		limit int
		want  []uint64
	}{{0, 2, []uint64{1, 2}}, {2, 10, []uint64{3, 4, 5}}, {5, 10, nil}, {1 << 63, 10, nil}} {
		var trees, seals []uint64
		list, err := s.Seals.Trees(t.Context(), c.after, c.limit)
		for _, one := range list {
			trees = append(trees, one.Number)
		}
		more, err2 := s.Seals.Seals(t.Context(), a, c.after, c.limit)
		for _, one := range more {
			seals = append(seals, one.Seal.Seal)
		}
		if err != nil || err2 != nil || !slices.Equal(trees, c.want) || !slices.Equal(seals, c.want) {
			t.Errorf("after %d: trees %v, seals %v, %v %v; want %v", c.after, trees, seals, err, err2, c.want)
		}
	}
}

func timesStay(t *testing.T, opener func() Stores) {
	s := opener()
	a := open(t, s, "a", 1)
	next := tree(t, s, sealer.Tree{}, a)
	if err := s.Seals.Commit(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	got, err := s.Seals.Tree(t.Context(), 1)
	if err != nil || got.Time != next.Time || got.Hash() != next.Hash() {
		t.Errorf("time %v, %v; want %v", got.Time, err, next.Time)
	}
	if st := standing(t, s, a); st.Last.Time != next.Time {
		t.Errorf("the seal's time is %v, want %v", st.Last.Time, next.Time)
	}
}
