package client

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a journal over a log of n entries in conversation "c"; fetches run when the test says.
type book struct {
	*journal
	shown   []uint64
	fetches []uint64 // after which seq
	todo    []func()
	n       uint64
	away    bool
}

func newBook(n uint64, resume map[string]uint64) *book {
	b := &book{n: n}
	b.journal = newJournal(resume, b.show, b.read, func(f func()) { b.todo = append(b.todo, f) })
	return b
}

func (b *book) show(body wire.Body) {
	if e, ok := body.(wire.ChatEntry); ok {
		b.shown = append(b.shown, e.Seq)
	}
}

// read gives pages of two.
func (b *book) read(_ string, after uint64) (page []wire.Entry) {
	b.fetches = append(b.fetches, after)
	if b.away {
		return nil
	}
	for seq := after + 1; seq <= min(b.n, after+2); seq++ {
		page = append(page, at(seq))
	}
	return page
}

func (b *book) mendAll() {
	todo := b.todo
	b.todo = nil
	for _, f := range todo {
		f()
	}
}

func at(seq uint64) wire.Entry { return wire.Entry{Conversation: "c", Seq: seq} }

func TestEntriesAreShownOnceInOrder(t *testing.T) {
	b := newBook(9, map[string]uint64{"c": 2})
	for _, seq := range []uint64{3, 3, 1, 4, 7, 6, 5} { // 7 and 6 come early
		b.entry(at(seq))
	}
	if want := []uint64{3, 4, 5}; !slices.Equal(b.shown, want) {
		t.Errorf("shown %v, want %v", b.shown, want)
	}
	b.mendAll()
	if want := []uint64{3, 4, 5, 6, 7}; !slices.Equal(b.shown, want) {
		t.Errorf("after mending: shown %v, want %v", b.shown, want)
	}
	if b.cursors()["c"] != 7 || len(b.todo) != 0 {
		t.Errorf("held %d, %d fetches to do", b.cursors()["c"], len(b.todo))
	}
}

func TestAFetchThatFailsIsTriedAgainAtTheNextHead(t *testing.T) {
	b := newBook(5, map[string]uint64{"c": 0})
	b.away = true
	b.heads(map[string]uint64{"c": 5})
	b.heads(map[string]uint64{"c": 5})
	if len(b.todo) != 1 {
		t.Fatalf("%d fetches at once for one conversation", len(b.todo))
	}
	b.mendAll()
	b.away = false
	b.heads(map[string]uint64{"c": 5})
	b.mendAll()
	if want := []uint64{1, 2, 3, 4, 5}; !slices.Equal(b.shown, want) {
		t.Errorf("shown %v, want %v", b.shown, want)
	}
	if want := []uint64{0, 0, 2, 4}; !slices.Equal(b.fetches, want) {
		t.Errorf("fetched after %v, want %v", b.fetches, want)
	}
}

func TestAFirstSessionStartsAtTheHeadAndAResumedOneReadsWhatIsNew(t *testing.T) {
	welcome := []wire.Conversation{{ID: "c", Head: 5}}
	first := newBook(5, nil)
	first.welcome(welcome)
	if first.cursors()["c"] != 5 || len(first.todo) != 0 {
		t.Errorf("first: held %v, %d to fetch", first.cursors(), len(first.todo))
	}
	first.conversation(wire.Conversation{ID: "d", Head: 1})
	if len(first.todo) != 1 {
		t.Error("a new conversation is not read")
	}
	resumed := newBook(5, map[string]uint64{})
	resumed.welcome(welcome)
	resumed.mendAll()
	if want := []uint64{1, 2, 3, 4, 5}; !slices.Equal(resumed.shown, want) {
		t.Errorf("resumed: shown %v, want %v", resumed.shown, want)
	}
}

func TestWhatIsTruncatedIsPassedOver(t *testing.T) {
	b := newBook(9, map[string]uint64{"c": 1})
	b.truncate("c", 7)
	b.entry(at(8))
	b.truncate("c", 3) // lower: changes nothing
	b.entry(at(9))
	if want := []uint64{8, 9}; !slices.Equal(b.shown, want) || len(b.todo) != 0 {
		t.Errorf("shown %v, want %v; %d to fetch", b.shown, want, len(b.todo))
	}
}

func TestRefusalsCompareByID(t *testing.T) {
	var err error = &Refused{ID: "not_found", Text: map[string]string{"en": "Not found."}}
	if !err.(*Refused).Is(Refusal("not_found")) || err.(*Refused).Is(Refusal("gone")) || err.Error() != "not_found: Not found." {
		t.Errorf("%v", err)
	}
}

func TestTheCannedPictureBeginsWithItsOnlyKeyFrame(t *testing.T) {
	frames, err := decodeIVF(picture)
	if err != nil || len(frames) != 30 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	for i, f := range frames {
		if key := f[0]&1 == 0; key != (i == 0) { // RFC 6386, 9.1
			t.Errorf("frame %d: key frame %v", i, key)
		}
	}
}

func TestACursorThatComesLateDoesNotGoBack(t *testing.T) {
	var told []wire.ChatCursor
	j := newJournal(nil, func(b wire.Body) { told = append(told, b.(wire.ChatCursor)) }, nil, nil)
	for _, at := range [][2]uint64{{4, 2}, {6, 3}, {4, 2}, {5, 4}} {
		j.cursor(wire.ChatCursor{Conversation: "c", User: "ann", Delivered: at[0], Read: at[1]})
	}
	j.cursor(wire.ChatCursor{Conversation: "c", User: "rob", Delivered: 1})
	want := []wire.ChatCursor{{Conversation: "c", User: "ann", Delivered: 4, Read: 2}, {Conversation: "c", User: "ann", Delivered: 6, Read: 3},
		{Conversation: "c", User: "ann", Delivered: 6, Read: 4}, {Conversation: "c", User: "rob", Delivered: 1}}
	if !slices.Equal(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
}
