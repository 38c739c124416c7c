package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/chat"
	"parley/internal/policy"
)

// Service runs what the service must do over any store. open makes an empty one.
func Service(t *testing.T, open func(t *testing.T) chat.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s chat.Store)
	}{
		{"what was acknowledged is in the log and told in order", serviceSends},
		{"a repeat is acknowledged with the first place", serviceRepeats},
		{"a commit that failed leaves nothing and gives no number", serviceFails},
		{"a commit that failed but took effect is found by the repeat", serviceFailsPersisted},
		{"a row that can't be stored fails alone", serviceBadRow},
		{"a lane takes what queued while it committed", serviceBatches},
		{"a full inbox refuses and invites another try", serviceFull},
		{"a sender who went away may come back with the same cid", serviceGoneSender},
		{"stopping answers everybody", serviceStops},
		{"a step and its entry are one, whatever fails", serviceSteps},
		{"what was revised shows so, whatever fails", serviceRevises},
		{"what is begun in a row stands in a row", serviceBegins},
		{"opening may be repeated after an unknown outcome", serviceOpens},
		{"a storm of faults loses, repeats and reorders nothing", serviceStorm},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

func serviceSends(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	for i := range 5 {
		p := Ann
		if i%2 == 1 {
			p = Rob
		}
		d := Text(t, id, fmt.Sprintf("message %d", i))
		if a := n.MustSend(p, d); a.Seq != chat.Seq(i+2) || a.Dup || a.Time.IsZero() {
			t.Errorf("message %d: %+v, want seq %d", i, a, i+2)
		}
	}
	log := n.Log(Rob, id)
	if len(log) != 6 || string(log[3].Content) != `{"text":"message 2"}` || log[3].Sender != string(Ann.User) {
		t.Fatalf("the log has %d entries; seq 4 is %+v", len(log), log[3])
	}
	Eventually(t, "the hub was told", func() bool { return len(n.Hub.Entries()) == 5 })
	for i, e := range n.Hub.Entries() {
		w, err := n.Unseal(t.Context(), e)
		if err != nil || !same(w, log[i+1]) {
			t.Errorf("hub's %d: %+v, %v; want %+v", i, w, err, log[i+1])
		}
	}
}

func serviceRepeats(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	d := Text(t, id, "once")
	first := n.MustSend(Ann, d)
	n.MustSend(Rob, Text(t, id, "between"))
	again := n.MustSend(Ann, d)
	if !again.Dup || again.Seq != first.Seq || !again.Time.Equal(first.Time) {
		t.Errorf("the repeat: %+v, want %+v as a repeat", again, first)
	}
	if a := n.MustSend(Rob, d); a.Dup || a.Seq != 4 {
		t.Errorf("the same cid by another sender: %+v, want seq 4", a)
	}
	if got := n.Metric("parley_chat_duplicates_total"); got != 1 {
		t.Errorf("parley_chat_duplicates_total is %v, want 1", got)
	}
	Eventually(t, "the hub was told", func() bool { return len(n.Hub.Entries()) >= 3 })
	if got := len(n.Hub.Entries()); got != 3 {
		t.Errorf("the hub was told %d times, want 3", got)
	}
}

func serviceFails(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	n.Store.Next(Fails)
	d := Text(t, id, "hello")
	_, err := n.Send(t.Context(), Ann, d)
	checkUnavailable(t, err)
	if log := n.Log(Ann, id); len(log) != 1 {
		t.Fatalf("%d entries after the failure, want the opening one", len(log))
	}
	if a := n.MustSend(Rob, Text(t, id, "meanwhile")); a.Seq != 2 {
		t.Errorf("the next entry: %+v, want seq 2", a)
	}
	if a := n.MustSend(Ann, d); a.Seq != 3 || a.Dup {
		t.Errorf("the repeat: %+v, want seq 3", a)
	}
}

// checkUnavailable wants a refusal that invites another try.
func checkUnavailable(t testing.TB, err error) {
	t.Helper()
	var r *policy.Refusal
	if !errors.As(err, &r) || !errors.Is(r, policy.ErrUnavailable) || !r.Retry {
		t.Fatalf("got %v, want a refusal of id unavailable with retry", err)
	}
}

func serviceFailsPersisted(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	n.Store.Next(FailsPersisted)
	d := Text(t, id, "hello")
	_, err := n.Send(t.Context(), Ann, d)
	checkUnavailable(t, err)
	if a := n.MustSend(Rob, Text(t, id, "meanwhile")); a.Seq != 3 {
		t.Errorf("the next entry: %+v, want seq 3 behind the one that took effect", a)
	}
	forged := d
	forged.Content = Text(t, id, "something else").Content
	if a := n.MustSend(Ann, forged); a.Seq != 2 || !a.Dup {
		t.Errorf("the repeat: %+v, want seq 2 as a repeat", a)
	}
	Eventually(t, "the hub was told of both", func() bool { return len(n.Hub.Entries()) == 2 })
	late, err := n.Unseal(t.Context(), n.Hub.Entries()[1])
	if err != nil || late.Seq != 2 || string(late.Content) != `{"text":"hello"}` {
		t.Errorf("told late: %+v, %v; want what the log holds", late, err)
	}
	n.MustSend(Ann, d)
	n.MustSend(Ann, Text(t, id, "last"))
	Eventually(t, "the hub was told of the last", func() bool { return len(n.Hub.Entries()) >= 3 })
	if got := len(n.Hub.Entries()); got != 3 {
		t.Errorf("the hub was told %d times, want 3: a repeat without doubt is no news", got)
	}
}

func serviceBadRow(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{Lanes: 1})
	id := n.NewConversation()
	bad := Text(t, id, "bad")
	n.Store.Refuse(bad.CID)
	release := n.Store.Hold()
	first := n.sendAsync(Ann, Text(t, id, "first"))
	Eventually(t, "the first is in its commit", func() bool { return len(n.Store.Batches()) == 1 })
	results := []<-chan result{n.sendAsync(Ann, Text(t, id, "a")), n.sendAsync(Rob, bad), n.sendAsync(Rob, Text(t, id, "b"))}
	release()
	for i, r := range append(results, first) {
		got := <-r
		if failed := got.err != nil; failed != (i == 1) {
			t.Errorf("sender %d: %+v", i, got)
		}
		if i == 1 && !errors.Is(got.err, ErrFault) {
			t.Errorf("the bad row's sender got %v, want the cause", got.err)
		}
	}
	if log := n.Log(Ann, id); len(log) != 4 {
		t.Errorf("%d entries, want 4", len(log))
	}
}

func serviceBatches(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{Lanes: 1})
	id := n.NewConversation()
	release := n.Store.Hold()
	sent := []<-chan result{n.sendAsync(Ann, Text(t, id, "first"))}
	Eventually(t, "the first is in its commit", func() bool { return len(n.Store.Batches()) == 1 })
	const queued = chat.MaxBatch + 40
	for i := range queued {
		sent = append(sent, n.sendAsync(Ann, Text(t, id, fmt.Sprint(i))))
	}
	Eventually(t, "all are queued", func() bool { return n.queued() == queued })
	release()
	for _, r := range sent {
		if got := <-r; got.err != nil {
			t.Fatal(got.err)
		}
	}
	if got, want := n.Store.Batches(), []int{1, chat.MaxBatch, 40}; !slices.Equal(got, want) {
		t.Errorf("batches of %v, want %v", got, want)
	}
}

func serviceFull(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{Lanes: 1, Queue: 3})
	id := n.NewConversation()
	release := n.Store.Hold()
	sent := []<-chan result{n.sendAsync(Ann, Text(t, id, "first"))}
	Eventually(t, "the first is in its commit", func() bool { return len(n.Store.Batches()) == 1 })
	for range 3 {
		sent = append(sent, n.sendAsync(Rob, Text(t, id, "queued")))
	}
	Eventually(t, "the inbox is full", func() bool { return n.queued() == 3 })
	_, err := n.Send(t.Context(), Ann, Text(t, id, "too much"))
	checkUnavailable(t, err)
	release()
	for _, r := range sent {
		if got := <-r; got.err != nil {
			t.Error(got.err)
		}
	}
	n.MustSend(Ann, Text(t, id, "room again"))
}

func serviceGoneSender(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{Lanes: 1})
	id := n.NewConversation()
	release := n.Store.Hold()
	ctx, cancel := context.WithCancel(t.Context())
	d := Text(t, id, "hello")
	gone := make(chan error, 1)
	go func() { _, err := n.Send(ctx, Ann, d); gone <- err }()
	Eventually(t, "it is in its commit", func() bool { return len(n.Store.Batches()) == 1 })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	release()
	if a := n.MustSend(Ann, d); a.Seq != 2 || !a.Dup {
		t.Errorf("the repeat: %+v, want seq 2 as a repeat", a)
	}
}

func serviceStops(t *testing.T, s chat.Store) {
	const queue = 2*chat.MaxBatch + 1 // three batches, so that a lane which forgets its inbox is caught
	n := Start(t, s, &Hub{}, chat.Config{Lanes: 1, Queue: queue})
	id := n.NewConversation()
	release := n.Store.Hold()
	sent := []<-chan result{n.sendAsync(Ann, Text(t, id, "first"))}
	Eventually(t, "the first is in its commit", func() bool { return len(n.Store.Batches()) == 1 })
	for range queue {
		sent = append(sent, n.sendAsync(Rob, Text(t, id, "queued")))
	}
	Eventually(t, "the inbox is full", func() bool { return n.queued() == queue })
	stopped := make(chan struct{})
	go func() { n.Stop(); close(stopped) }()
	Eventually(t, "nothing more is taken in", func() bool {
		_, err := n.Send(t.Context(), Ann, Text(t, id, "late"))
		checkUnavailable(t, err)
		return strings.Contains(err.Error(), "going away")
	})
	release()
	<-stopped
	for i, r := range sent {
		if got := <-r; got.err != nil {
			t.Fatalf("queued before the stop, %d: %v", i, got.err)
		}
	}
	if log := n.Log(Ann, id); len(log) != queue+2 {
		t.Errorf("%d entries, want %d", len(log), queue+2)
	}
	if err := n.Run(t.Context()); err == nil {
		t.Error("running again was accepted")
	}
}

func serviceOpens(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	n.Store.Next(Fails, FailsPersisted)
	c := chat.NewConversation{Key: "job-1/u-ann", Title: "后端工程师", Members: Founders()}
	for range 2 {
		if _, err := n.Open(t.Context(), Platform, c); !errors.Is(err, ErrFault) {
			t.Fatalf("got %v, want the fault", err)
		}
	}
	got, err := n.Open(t.Context(), Platform, c)
	if err != nil || got.Created || got.Head != 1 || len(got.Members) != 2 || got.Title != c.Title {
		t.Fatalf("after a failure that took effect: %+v, %v; want the existing conversation", got, err)
	}
	if n.Hub.ChangedOf(got.ID) != 1 {
		t.Error("the hub was not told of the conversation")
	}
	again, err := n.Open(t.Context(), Platform, c)
	if err != nil || again.ID != got.ID {
		t.Errorf("again: %v, %v; want %v", again.ID, err, got.ID)
	}
	other := c
	other.Members = append(Founders()[:1], chat.NewMember{User: "u-other", Role: Ann.Role, FamilyName: "王", GivenName: "五"})
	if _, err := n.Open(t.Context(), Platform, other); !errors.Is(err, policy.ErrConflict) {
		t.Errorf("the key with other members: %v, want conflict", err)
	}
	log := n.Log(Ann, got.ID)
	if len(log) != 1 || string(log[0].Content) != `{"code":"opened"}` || log[0].Type != chat.TypeSystem || log[0].Sender != "" {
		t.Errorf("log of a new conversation: %+v", log)
	}
}
