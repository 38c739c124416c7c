package chat_test

import (
	"context"
	"errors"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
)

// Who waits with a context that has ended learns whether the answer is there, and may ask again.
func TestWaitingMayBeTriedAgain(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	release := n.Store.Hold()
	wait, err := n.Begin(t.Context(), chattest.Ann, chattest.Text(t, id, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if a, err := wait(ended); !errors.Is(err, context.Canceled) {
			t.Fatalf("before the commit: %+v, %v", a, err)
		}
	}
	release()
	var a chat.Ack
	chattest.Eventually(t, "the answer is there", func() bool {
		a, err = wait(ended)
		return !errors.Is(err, context.Canceled)
	})
	if err != nil || a.Seq != 2 || a.Dup {
		t.Errorf("after the commit: %+v, %v; want seq 2", a, err)
	}
}

// Nobody has to wait: what was begun is stored all the same.
func TestWhatWasBegunIsStoredWithoutAnybodyWaiting(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	d := chattest.Text(t, id, "hello")
	if _, err := n.Begin(t.Context(), chattest.Ann, d); err != nil {
		t.Fatal(err)
	}
	n.Stop()
	if log := n.Log(chattest.Rob, id); len(log) != 2 || log[1].CID != string(d.CID) {
		t.Errorf("%d entries", len(log))
	}
}
