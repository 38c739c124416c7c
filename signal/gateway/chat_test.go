package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
)

func TestAMessageIsPushedToBothSidesOnce(t *testing.T) {
	n := start(t, onSQLite)
	id := n.open()
	a, fromA := n.join(ann, client.Options{})
	_, fromR := n.join(rob, client.Options{})
	ack, err := a.Send(t.Context(), id, "你好")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []*inbox{fromA, fromR} {
		e := find(t, in, func(e wire.ChatEntry) bool { return e.Seq == ack.Seq })
		if string(e.Content) != `{"text":"你好"}` || e.Sender != string(ann.User) || e.CID != ack.CID {
			t.Errorf("got %+v", e)
		}
	}
	if _, err := a.Do(t.Context(), wire.ChatMark{Conversation: id, Delivered: ack.Seq, Read: ack.Seq}); err != nil {
		t.Fatal(err)
	}
	find(t, fromR, func(c wire.ChatCursor) bool { return c.User == string(ann.User) && c.Read == ack.Seq })
	if got := seqs(fromR, id); !slices.Equal(got, []uint64{ack.Seq}) {
		t.Errorf("pushed %v", got)
	}
}

func TestANameIsMaskedUntilItIsDisclosed(t *testing.T) {
	n := start(t)
	id := n.open()
	a, _ := n.join(ann, client.Options{})
	r, fromR := n.join(rob, client.Options{})
	name := func(c wire.Conversation) string { return c.Members[1].Name }
	if got := name(r.Welcome().Conversations[0]); got != "欧阳**" {
		t.Errorf("before: %q", got)
	}
	if _, err := r.Do(t.Context(), wire.ChatDisclose{Conversation: id}); err == nil {
		t.Error("a recruiter disclosed a candidate's name")
	}
	if _, err := a.Do(t.Context(), wire.ChatDisclose{Conversation: id}); err != nil {
		t.Fatal(err)
	}
	find(t, fromR, func(c wire.ChatConversation) bool { return name(c.Conversation) == "欧阳晓雯" })
}

func TestANewConversationIsShownAndPushedFromItsBeginning(t *testing.T) {
	n := start(t)
	_, in := n.join(ann, client.Options{})
	id := n.open()
	find(t, in, func(c wire.ChatConversation) bool { return c.ID == id })
	n.say(rob, id, "first")
	find(t, in, func(e wire.ChatEntry) bool { return e.Seq == 2 })
	if got := seqs(in, id); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("pushed %v", got)
	}
}

func TestReadGivesPagesAndRefusesStrangers(t *testing.T) {
	n := start(t)
	id := n.open()
	n.say(rob, id, "a", "b", "c")
	a, _ := n.join(ann, client.Options{})
	page, err := client.Ask[wire.ChatPage](t.Context(), a, wire.ChatRead{Conversation: id, After: 2})
	if err != nil || len(page.Entries) != 2 || page.Head != 4 {
		t.Errorf("got %+v, %v", page, err)
	}
	h, _ := n.join(chattest.Ann, client.Options{})
	_, err = h.Do(t.Context(), wire.ChatRead{Conversation: "01957950-0000-7000-8000-000000000000"})
	if r, ok := err.(*client.Refused); !ok || r.ID != "not_found" {
		t.Errorf("got %v", err)
	}
}

func TestResumeAfterKilledConnectionsMissesNothing(t *testing.T) {
	n := start(t, onSQLite)
	id := n.open()
	var h chattest.History
	see := func(device string) func(wire.Body) {
		return func(b wire.Body) {
			if e, ok := b.(wire.ChatEntry); ok {
				h.Saw(device, e.Entry)
			}
		}
	}
	from := map[string]uint64{id: 0}
	sessions := map[string]*client.Session{}
	users := map[string]string{"a1": string(ann.User), "a2": string(ann.User), "r1": string(rob.User)}
	for name, p := range map[string]identity.Principal{"a1": ann, "a2": ann, "r1": rob} {
		sessions[name], _ = n.join(p, client.Options{Resume: from, Push: see(name)})
	}
	const each = 40
	var writers, breakers sync.WaitGroup
	for _, name := range []string{"a1", "r1"} {
		writers.Go(func() {
			for i := range each {
				f, err := client.Text(id, fmt.Sprintf("%s %d", name, i))
				if err != nil {
					t.Error(err)
				}
				h.Sent(id, users[name], f.CID, f.Content)
				ack, err := sessions[name].Submit(t.Context(), f)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				h.Acked(users[name], ack)
			}
		})
	}
	stop := make(chan struct{})
	breakers.Go(func() { breakAgainAndAgain(sessions, stop) })
	writers.Wait()
	close(stop)
	breakers.Wait()
	for name, s := range sessions {
		eventually(t, name+" holds the log", func() bool { return s.Held()[id] >= 1+2*each })
	}
	log := n.log(id)
	h.Log(id, log)
	if len(log) != 1+2*each {
		t.Errorf("%d entries in the log, want %d: a retry made a second one, or one was lost", len(log), 1+2*each)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}

func breakAgainAndAgain(sessions map[string]*client.Session, stop chan struct{}) {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, s := range sessions { // in random order
			select {
			case <-stop:
				return
			case <-tick.C:
				s.Break()
			}
		}
	}
}

func (n *node) log(id string) (all []wire.Entry) {
	n.t.Helper()
	for {
		page, err := n.chat.Read(n.t.Context(), ann, chat.ConversationID(id), chat.Range{After: uint64(len(all)), Limit: 200})
		if err != nil {
			n.t.Fatal(err)
		}
		if len(page.Entries) == 0 {
			return all
		}
		all = append(all, page.Entries...)
	}
}

func TestResumeSendsTheGapBeforeAnythingLive(t *testing.T) {
	n := start(t, onSQLite)
	id := n.open()
	n.say(rob, id, texts(300)...)
	r, w := n.signIn(ann, map[string]uint64{id: 40})
	if w.Conversations[0].Head != 301 {
		t.Fatalf("head %d", w.Conversations[0].Head)
	}
	for want := uint64(41); want <= 301; want++ {
		if e := expect[wire.ChatEntry](r, ""); e.Seq != want {
			t.Fatalf("got seq %d, want %d", e.Seq, want)
		}
	}
	n.say(rob, id, "live")
	if e := expect[wire.ChatEntry](r, ""); e.Seq != 302 {
		t.Errorf("got seq %d", e.Seq)
	}
}

func TestAGapOfMoreThanFivePagesIsTruncated(t *testing.T) {
	n := start(t)
	id := n.open()
	n.say(rob, id, texts(1200)...)
	r, _ := n.signIn(ann, map[string]uint64{id: 1})
	cut := expect[wire.ChatTruncated](r, "")
	if cut.From != 201 || cut.Head != 1201 {
		t.Errorf("got %+v", cut)
	}
	for want := cut.From + 1; want <= cut.Head; want++ {
		if e := expect[wire.ChatEntry](r, ""); e.Seq != want {
			t.Fatalf("got seq %d, want %d", e.Seq, want)
		}
	}
	r.send("1", wire.ChatRead{Conversation: id, Before: cut.From + 1, Limit: 200})
	if page := expect[wire.ChatPage](r, "1"); page.Entries[0].Seq != 2 {
		t.Errorf("page begins at %d", page.Entries[0].Seq)
	}
}

func TestResumeNamesOnlyWhatOneMaySee(t *testing.T) {
	n := start(t)
	id := n.open()
	n.say(rob, id, "秘密")
	stranger := ann
	stranger.User = "u-stranger"
	r, w := n.signIn(stranger, map[string]uint64{id: 0, "nonsense": 3})
	if len(w.Conversations) != 0 {
		t.Errorf("welcome shows %v", w.Conversations)
	}
	r.send("1", wire.Ping{})
	if f, err := r.next(); err != nil || f.Body.Kind() != "pong" {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestASessionSeesOnlyConversationsOfItsRole(t *testing.T) {
	n := start(t)
	asRecruiter := ann
	asRecruiter.Role = rob.Role
	r, w := n.signIn(asRecruiter, nil)
	id := n.open() // in which Ann is the candidate (T1)
	n.say(rob, id, "for the candidate")
	r.send("1", wire.ChatRead{Conversation: id})
	r.expectError("1", "not_found")
	r.send("2", wire.Ping{})
	if f, err := r.next(); err != nil || f.Body.Kind() != "pong" || len(w.Conversations) != 0 {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestPingsRepairWhatTheBusLost(t *testing.T) {
	n := start(t, limits(gateway.Limits{Ping: 50 * time.Millisecond}))
	id := n.open()
	r, _ := n.signIn(ann, nil)
	n.bus.loseAll(true)
	n.say(rob, id, "a", "b")
	fresh := n.open()
	var heads map[string]uint64
	var got []uint64
	for len(got) < 2 || heads[id] == 0 {
		f, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		switch b := f.Body.(type) {
		case wire.Ping:
			r.send("", wire.Pong{Time: b.Time})
			if b.Heads[id] > 0 {
				heads = b.Heads
			}
		case wire.ChatEntry:
			if b.Conversation == id {
				got = append(got, b.Seq)
			}
		}
	}
	if heads[id] != 3 || !slices.Equal(got, []uint64{2, 3}) {
		t.Errorf("heads %v, pushed %v", heads, got)
	}
	if c := expect[wire.ChatConversation](r, ""); c.ID != fresh {
		t.Errorf("got conversation %s, want %s", c.ID, fresh)
	}
}

func TestASlowReaderGetsDirtyAndNobodyWaitsForIt(t *testing.T) {
	n := start(t, overPipes, limits(gateway.Limits{Queue: 4 << 10}))
	id := n.open()
	slow, _ := n.signIn(ann, nil)
	_, fast := n.join(rob, client.Options{})
	last := n.say(rob, id, texts(200)...) // slow reads nothing meanwhile
	find(t, fast, func(e wire.ChatEntry) bool { return e.Seq == last.Seq })
	eventually(t, "the slow reader's queue ran over", func() bool { return n.metric("parley_gateway_dirty_total") > 0 })
	held := uint64(1)
	var dirty wire.ChatDirty
	for held < 201 {
		f, err := slow.next()
		if err != nil {
			t.Fatal(err)
		}
		switch b := f.Body.(type) {
		case wire.ChatEntry:
			if b.Seq != held+1 && b.Seq <= dirty.Head {
				t.Fatalf("seq %d after %d", b.Seq, held)
			}
			held = b.Seq
		case wire.ChatDirty:
			dirty, held = b, b.Head
		}
	}
	if dirty.Head == 0 {
		t.Error("no chat.dirty came")
	}
	slow.send("1", wire.ChatRead{Conversation: id, After: dirty.Head - 1})
	if page := expect[wire.ChatPage](slow, "1"); page.Entries[0].Seq != dirty.Head {
		t.Errorf("got %v", page.Entries[0].Seq)
	}
	next := n.say(rob, id, "again")
	if e := expect[wire.ChatEntry](slow, ""); e.Seq != next.Seq {
		t.Errorf("after dirty: got seq %d, want %d", e.Seq, next.Seq)
	}
}

func TestAReaderThatTakesNothingIsClosed(t *testing.T) {
	n := start(t, overPipes, limits(gateway.Limits{Stall: 50 * time.Millisecond}))
	id := n.open()
	n.signIn(ann, nil)
	n.say(rob, id, "hello?")
	eventually(t, "the stalled session is gone", func() bool {
		return n.Sessions() == 0 && n.metric("parley_gateway_closed_total", "stalled") == 1
	})
}

func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("message %04d", i)
	}
	return all
}
