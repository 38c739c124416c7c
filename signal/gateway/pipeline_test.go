package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
)

// holding puts faults before the node's store.
func holding(f *chattest.Faults) option {
	return func(n *node) {
		f.Store = n.store
		n.store = f
	}
}

// hold keeps the store from answering, and returns how much has come to the chat since then.
func (n *node) hold(f *chattest.Faults) (release func(), underWay func() int) {
	release = f.Hold()
	n.t.Cleanup(release)
	before := len(f.Batches())
	return release, func() int {
		sum := int(n.metric("parley_chat_queue_entries"))
		for _, size := range f.Batches()[before:] {
			sum += size
		}
		return sum
	}
}

func sayings(t *testing.T, id string, n int) []wire.ChatSend {
	t.Helper()
	all := make([]wire.ChatSend, n)
	for i := range all {
		f, err := client.Text(id, fmt.Sprint("text ", i))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = f
	}
	return all
}

// answers reads the next n frames that answer something.
func (r *raw) answers(n int) (all []wire.Frame) {
	r.t.Helper()
	for len(all) < n {
		f, err := r.next()
		if err != nil {
			r.t.Fatalf("after %d answers: %v", len(all), err)
		}
		if f.Ref != "" {
			all = append(all, f)
		}
	}
	return all
}

func TestSendsOfASessionAreStoredTogetherAndAnsweredInOrder(t *testing.T) {
	faults := &chattest.Faults{}
	n := start(t, holding(faults))
	id := n.open()
	r, _ := n.signIn(ann, nil)
	before := len(faults.Batches())
	release, underWay := n.hold(faults)
	const sends = 30
	for i, f := range sayings(t, id, sends) {
		r.send(fmt.Sprint(i), f)
	}
	r.send("page", wire.ChatRead{Conversation: id})
	r.send("bad", wire.ChatSend{Conversation: id, CID: "no uuid", Type: chat.TypeText, Content: json.RawMessage(`{"text":"x"}`)})
	eventually(t, "all are under way", func() bool { return underWay() == sends })
	release()
	for i, f := range r.answers(sends) {
		if ack, ok := f.Body.(wire.ChatAck); !ok || f.Ref != fmt.Sprint(i) || ack.Seq != uint64(i+2) {
			t.Errorf("answer %d is %+v", i, f)
		}
	}
	rest := r.answers(2)
	if page, ok := rest[0].Body.(wire.ChatPage); !ok || len(page.Entries) != sends+1 {
		t.Errorf("the page that was asked for after all sends is %+v", rest[0])
	}
	if e, ok := rest[1].Body.(wire.Error); !ok || rest[1].Ref != "bad" {
		t.Errorf("the last answer is %+v, %+v", rest[1], e)
	}
	if batches := faults.Batches()[before:]; len(batches) > 3 {
		t.Errorf("%d sends took %d commits: %v", sends, len(batches), batches)
	}
}

func TestNoMoreThanSoManySendsAreUnderWay(t *testing.T) {
	faults := &chattest.Faults{}
	n := start(t, holding(faults))
	id := n.open()
	r, _ := n.signIn(ann, nil)
	before := len(faults.Batches())
	release, underWay := n.hold(faults)
	const sends = 150
	for i, f := range sayings(t, id, sends) {
		r.send(fmt.Sprint(i), f)
	}
	eventually(t, "as many as may are under way", func() bool { return underWay() == 64 })
	release()
	for i, f := range r.answers(sends) {
		if ack, ok := f.Body.(wire.ChatAck); !ok || f.Ref != fmt.Sprint(i) || ack.Seq != uint64(i+2) {
			t.Fatalf("answer %d is %+v", i, f)
		}
	}
	for _, size := range faults.Batches()[before:] {
		if size > 64 {
			t.Errorf("%d of one session in one commit", size)
		}
	}
}

func TestARefusedSendIsAnsweredInItsPlace(t *testing.T) {
	faults := &chattest.Faults{}
	n := start(t, holding(faults))
	id := n.open()
	r, _ := n.signIn(ann, nil)
	release, underWay := n.hold(faults)
	sends := sayings(t, id, 2)
	r.send("1", sends[0])
	r.send("2", wire.ChatSend{Conversation: "no-such", CID: sends[1].CID, Type: chat.TypeText, Content: sends[1].Content})
	r.line("garbage")
	r.send("3", sends[1])
	r.send("4", sends[0])
	eventually(t, "they are under way", func() bool { return underWay() == 3 })
	release()
	var got []string
	for len(got) < 5 {
		f, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		switch b := f.Body.(type) {
		case wire.ChatAck:
			got = append(got, fmt.Sprint(f.Ref, " ", b.Seq, " ", b.Dup))
		case wire.Error:
			got = append(got, f.Ref+" "+b.ID)
		}
	}
	if all := strings.Join(got, ", "); all != "1 2 false, 2 not_found,  bad_frame, 3 3 false, 4 2 true" {
		t.Errorf("answered %s", all)
	}
}

// broken is a chat whose waits panic.
type broken struct{ gateway.Chat }

func (broken) Begin(context.Context, identity.Principal, chat.Draft) (func(context.Context) (chat.Ack, error), error) {
	return func(context.Context) (chat.Ack, error) { panic("a person's words") }, nil
}

func TestAPanicWhileAnAnswerIsDueCostsOneSession(t *testing.T) {
	n := start(t, func(n *node) { n.around = func(c gateway.Chat) gateway.Chat { return broken{c} } })
	id := n.open()
	other, _ := n.signIn(rob, nil)
	r, _ := n.signIn(ann, nil)
	r.send("1", sayings(t, id, 1)[0])
	r.expectClose(wire.CloseInternal)
	other.send("1", wire.Ping{})
	expect[wire.Pong](other, "1")
	if logs := n.logs.String(); !strings.Contains(logs, "a session panicked") || strings.Contains(logs, "words") {
		t.Errorf("logged %s", logs)
	}
	eventually(t, "the session is gone", func() bool { return n.Sessions() == 1 })
}

func TestASessionThatEndsLeavesWhatIsUnderWayToTheLog(t *testing.T) {
	faults := &chattest.Faults{}
	n := start(t, holding(faults))
	id := n.open()
	r, _ := n.signIn(ann, nil)
	release, underWay := n.hold(faults)
	for i, f := range sayings(t, id, 10) {
		r.send(fmt.Sprint(i), f)
	}
	eventually(t, "they are under way", func() bool { return underWay() == 10 })
	if err := r.CloseNow(); err != nil && !errors.Is(err, websocket.CloseError{}) {
		t.Log(err)
	}
	eventually(t, "the session is gone", func() bool { return n.Sessions() == 0 })
	release()
	eventually(t, "all are in the log", func() bool {
		heads, err := n.chat.Heads(t.Context(), ann)
		return err == nil && heads[chat.ConversationID(id)] == 11
	})
}

func TestAClientSendsOnWithoutWaitingAndOverALostConnection(t *testing.T) {
	faults := &chattest.Faults{}
	n := start(t, holding(faults))
	id := n.open()
	s, _ := n.join(ann, client.Options{})
	before := len(faults.Batches())
	release, underWay := n.hold(faults)
	const sends = 40
	var waits []func(context.Context) (wire.ChatAck, error)
	for _, f := range sayings(t, id, sends) {
		wait, err := s.Begin(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	eventually(t, "all are under way", func() bool { return underWay() == sends })
	s.Break()
	release()
	for i, wait := range waits {
		if ack, err := wait(t.Context()); err != nil || ack.Seq != uint64(i+2) {
			t.Errorf("send %d: %+v, %v", i, ack, err)
		}
	}
	if batches := faults.Batches()[before:]; batches[1] < sends/2 {
		t.Errorf("%d sends went in batches of %v", sends, batches)
	}
}
