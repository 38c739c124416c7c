package chattest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// storm is clients that send, repeat and read at random over a store that fails at random and a hub that loses hints.
type storm struct {
	*Node
	seed    uint64
	rooms   []chat.ConversationID
	history History
	devices map[identity.UserID]*device
}

// device is one screen: it shows a conversation's entries in order, reads the gap when a hint jumps, and can lose hints.
type device struct {
	who   identity.Principal
	hints chan chat.Entry
	have  map[chat.ConversationID]chat.Seq
}

const stormSends = 60 // a sender

func serviceStorm(t *testing.T, s chat.Store) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := &storm{seed: seed, devices: map[identity.UserID]*device{}}
	for _, p := range []identity.Principal{Ann, Rob} {
		w.devices[p.User] = &device{who: p, hints: make(chan chat.Entry, 16), have: map[chat.ConversationID]chat.Seq{}}
	}
	w.Node = Start(t, s, &Hub{OnCommitted: w.committed, OnMoved: w.moved}, chat.Config{})
	for range 3 {
		w.rooms = append(w.rooms, w.NewConversation())
	}
	faults := rand.New(rand.NewPCG(seed, 0))
	w.Store.Pick(func() Fault { return [...]Fault{Works, Works, Works, Fails, FailsPersisted}[faults.IntN(5)] })
	w.rage()
	for _, id := range w.rooms {
		w.history.Log(string(id), w.Log(Ann, id))
	}
	if err := w.history.Check(); err != nil {
		t.Error(err)
	}
}

// committed passes the hint on, and drops it when the device is slow.
func (w *storm) committed(members []identity.UserID, e chat.Entry) {
	for _, m := range members {
		select {
		case w.devices[m].hints <- e:
		default:
		}
	}
}

func (w *storm) moved(members []identity.UserID, c chat.Cursor) {
	for _, m := range members {
		w.history.Cursor(string(m), wire.ChatCursor{
			Conversation: string(c.Conversation), User: string(c.User), Delivered: c.Delivered, Read: c.Read,
		})
	}
}

func (w *storm) rage() {
	var senders, screens sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	n := uint64(0)
	for _, d := range w.devices {
		screens.Go(func() { w.show(ctx, d) })
		for range 4 {
			n++
			rng := rand.New(rand.NewPCG(w.seed, n))
			senders.Go(func() { w.send(d.who, rng) })
		}
	}
	senders.Wait()
	cancel()
	screens.Wait()
	w.Store.Pick(nil)
	for _, d := range w.devices {
		for _, id := range w.rooms {
			w.catchUp(d, id)
		}
	}
}

func (w *storm) send(p identity.Principal, rng *rand.Rand) {
	for i := range stormSends {
		d := Text(w.t, w.rooms[rng.IntN(len(w.rooms))], fmt.Sprintf("%s %d", p.User, i))
		w.history.Sent(string(d.Conversation), string(p.User), string(d.CID), d.Content)
		for range 1 + rng.IntN(2) { // every other one again, though it was acknowledged
			w.sendUntilAcked(p, d)
		}
	}
}

func (w *storm) sendUntilAcked(p identity.Principal, d chat.Draft) {
	for {
		a, err := w.Send(context.Background(), p, d)
		if err == nil {
			w.history.Acked(string(p.User), wire.ChatAck{
				Conversation: string(d.Conversation), CID: string(d.CID), Seq: a.Seq, Time: a.Time, Dup: a.Dup,
			})
			return
		}
		var r *policy.Refusal
		if !errors.As(err, &r) || !r.Retry {
			w.t.Errorf("send: %v", err)
			return
		}
	}
}

// show shows what the hints tell, marks it as read, and ends with ctx.
func (w *storm) show(ctx context.Context, d *device) {
	for {
		select {
		case e := <-d.hints:
			w.take(d, e)
			err := w.Mark(context.Background(), d.who, e.Conversation, e.Seq, e.Seq-1)
			if err != nil && !errors.Is(err, policy.ErrUnavailable) {
				w.t.Errorf("mark: %v", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (w *storm) take(d *device, e chat.Entry) {
	switch have := d.have[e.Conversation]; {
	case e.Seq <= have: // late news
	case e.Seq > have+1:
		w.catchUp(d, e.Conversation)
	default:
		shown, err := w.Unseal(context.Background(), e)
		if err != nil {
			w.t.Errorf("unseal: %v", err)
			return
		}
		w.history.Saw(string(d.who.User), shown)
		d.have[e.Conversation] = e.Seq
	}
}

func (w *storm) catchUp(d *device, id chat.ConversationID) {
	for {
		page, err := w.Read(context.Background(), d.who, id, chat.Range{After: d.have[id], Limit: 7})
		if err != nil {
			w.t.Errorf("read: %v", err)
			return
		}
		for _, e := range page.Entries {
			w.history.Saw(string(d.who.User), e)
			d.have[id] = e.Seq
		}
		if len(page.Entries) == 0 || d.have[id] >= page.Head {
			return
		}
	}
}
