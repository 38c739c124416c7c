package chattest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"parley/chat"
	"parley/internal/outbox"
)

// Outbox reads the events that a store put into its outbox, each once.
type Outbox func(ctx context.Context) ([]outbox.Event, error)

// Events runs what every store must do with the events of rows, and what the service puts into them. open makes an empty
// store and reads its outbox.
func Events(t *testing.T, open func(t *testing.T) (chat.Store, Outbox)) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s chat.Store, told Outbox)
	}{
		{"a row that is placed has its event, with its place", storeTells},
		{"a repeat, a row of no conversation and a batch that failed have none", storeTellsOnce},
		{"steps and revisions tell as they are taken", storeTellsOfSteps},
		{"a founding tells once", storeTellsOpening},
		{"the service tells of every entry, and not what it says", serviceTells},
		{"without a webhook nothing is told", serviceTellsNothing},
		{"whatever fails, every entry is told exactly once", serviceTellsInAStorm},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, told := open(t)
			c.run(t, s, told)
		})
	}
}

// telling is the row with an event.
func telling(t testing.TB, r chat.Row) chat.Row {
	t.Helper()
	id, err := outbox.NewID()
	if err != nil {
		t.Fatal(err)
	}
	r.Event = outbox.Event{ID: id, Kind: outbox.ConversationEntry, Conversation: string(r.Conversation), Type: r.Type, Sender: r.Sender}
	return r
}

// toldOf reads the outbox in the order of the events' ids.
func toldOf(t testing.TB, told Outbox) []outbox.Event {
	t.Helper()
	events, err := told(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(events, func(a, b outbox.Event) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return events
}

func storeTells(t *testing.T, s chat.Store, told Outbox) {
	a, b := mustOpen(t, s, "a", 1), mustOpen(t, s, "b", 2)
	rows := []chat.Row{
		telling(t, says(a, ann, 1)), says(a, ann, 2), telling(t, says(b, rob, 1)), telling(t, says(a, rob, 1)),
	}
	card := says(b, "", 2)
	card.Type, card.Event = chat.TypeInterview, telling(t, card).Event
	card.Event.Kind, card.Event.Type, card.Event.Interview = outbox.InterviewLive, "", "i-1"
	placed := appendRows(t, s, append(rows, card)...)
	var want []outbox.Event
	for i, seq := range []chat.Seq{2, 0, 2, 4, 3} {
		if r := append(rows, card)[i]; seq > 0 {
			e := r.Event
			e.Seq, e.At = seq, placed[i].Time
			want = append(want, e)
		}
	}
	if got := toldOf(t, told); !slices.Equal(got, want) {
		t.Errorf("told %+v\nwant %+v", got, want)
	}
}

func storeTellsOnce(t *testing.T, s chat.Store, told Outbox) {
	a := mustOpen(t, s, "a", 1)
	first := telling(t, says(a, ann, 1))
	appendRows(t, s, first)
	again := telling(t, says(a, ann, 1)) // another event, the same name
	lost := telling(t, says(newID(t), ann, 1))
	twice := telling(t, says(a, ann, 3))
	appendRows(t, s, again, lost, twice, telling(t, says(a, ann, 3)), again)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, chat.Batch{Rows: []chat.Row{telling(t, says(a, ann, 4))}}); err == nil {
		t.Fatal("append with a cancelled context succeeded")
	}
	appendRows(t, s, again) // nothing but a repeat
	got := toldOf(t, told)
	if len(got) != 2 || got[0].ID != first.Event.ID || got[0].Seq != 2 || got[1].ID != twice.Event.ID || got[1].Seq != 3 {
		t.Errorf("told %+v, want the events of the two rows that were placed", got)
	}
}

func storeTellsOfSteps(t *testing.T, s chat.Store, told Outbox) {
	a := mustOpen(t, s, "a", 1)
	appendRows(t, s, says(a, ann, 1)) // 2
	begin := chat.Turn{Thing: "x", Kind: chat.KindExchange, Opener: ann, To: "requested"}
	step, hide := telling(t, turns(a, ann, 2, begin)), telling(t, recall(a, ann, 3, 2))
	plain := telling(t, says(a, ann, 6))
	appendRows(t, s, step, telling(t, turns(a, ann, 4, begin)), hide, telling(t, edit(a, ann, 5, 2)), step, plain)
	want := []outbox.Event{step.Event, hide.Event, plain.Event}
	for i, at := range []chat.Row{step, hide, plain} {
		want[i].Seq, want[i].At = uint64(3+i), at.Time
	}
	if got := toldOf(t, told); !slices.Equal(got, want) {
		t.Errorf("told %+v\nwant %+v", got, want)
	}
}

func storeTellsOpening(t *testing.T, s chat.Store, told Outbox) {
	f := founding(t, "k", 1)
	f.First = telling(t, f.First)
	f.First.Event.Kind, f.First.Event.Type = outbox.ConversationOpened, ""
	if _, err := s.Open(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	g := founding(t, "k", 2)
	g.First = telling(t, g.First)
	if _, err := s.Open(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	want := f.First.Event
	want.Seq, want.At = 1, at(1)
	if got := toldOf(t, told); !slices.Equal(got, []outbox.Event{want}) {
		t.Errorf("told %+v, want %+v", got, want)
	}
}

func card(state string) chat.Draft {
	return chat.Draft{CID: chat.ClientID("i-1/" + state), Type: chat.TypeInterview,
		Content: json.RawMessage(`{"interview":"i-1","state":"` + state + `","reason":"secret"}`)}
}

func serviceTells(t *testing.T, s chat.Store, told Outbox) {
	n := Start(t, s, &Hub{}, chat.Config{Events: true})
	id := n.NewConversation()
	n.MustSend(Ann, Text(t, id, "my secret wish"))
	for _, state := range []string{"open", "live", "ended", "moved"} {
		if _, err := n.Post(t.Context(), id, card(state)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Disclose(t.Context(), Ann, id); err != nil {
		t.Fatal(err)
	}
	log, got := n.Log(Ann, id), toldOf(t, told)
	var shown []string
	for i, e := range got {
		shown = append(shown, fmt.Sprint(e.Kind, " ", e.Type, " ", e.Sender, " ", e.Interview))
		body, err := e.Body()
		if err != nil || strings.Contains(string(body), "secret") || strings.Contains(string(body), "欧阳") {
			t.Errorf("the event %s, %v; want ids only (A6)", body, err)
		}
		if i < len(log) && (e.Seq != log[i].Seq || !e.At.Equal(log[i].Time) || e.Conversation != string(id)) {
			t.Errorf("event %d: %+v, want the place of %+v", i, e, log[i])
		}
	}
	want := []string{
		"conversation.opened   ", "conversation.entry text u-ann ", "interview.open   i-1", "interview.live   i-1",
		"interview.ended   i-1", "conversation.entry interview  ", "conversation.entry system  ",
	}
	if !slices.Equal(shown, want) {
		t.Errorf("told %q, want %q", shown, want)
	}
}

func serviceTellsNothing(t *testing.T, s chat.Store, told Outbox) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	n.MustSend(Ann, Text(t, id, "hello"))
	if got := toldOf(t, told); len(got) != 0 {
		t.Errorf("told %+v", got)
	}
}

// serviceTellsInAStorm has senders try until they are acknowledged while commits fail, with and without effect.
func serviceTellsInAStorm(t *testing.T, s chat.Store, told Outbox) {
	const senders, each = 6, 15
	n := Start(t, s, &Hub{}, chat.Config{Events: true})
	id := n.NewConversation()
	call := 0
	n.Store.Pick(func() Fault { call++; return Fault(call % 3) })
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			p := Ann
			if i%2 == 1 {
				p = Rob
			}
			for range each {
				d := Text(t, id, "hello")
				for _, err := n.Send(t.Context(), p, d); err != nil; _, err = n.Send(t.Context(), p, d) {
				}
			}
		})
	}
	wg.Wait()
	seqs := map[uint64]int{}
	got := toldOf(t, told)
	for _, e := range got {
		seqs[e.Seq]++
	}
	if len(got) != senders*each+1 || len(seqs) != len(got) {
		t.Errorf("%d events of %d entries, want one for each of %d", len(got), len(seqs), senders*each+1)
	}
}
