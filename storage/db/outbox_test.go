package db

import (
	"context"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
)

func TestTheOutboxKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		outboxtest.Run(t, func(t *testing.T) outboxtest.Store { return e.open(t).Outbox() })
	})
}

// pending reads all that waits, without claiming it.
func pending(d *DB) chattest.Outbox {
	return func(ctx context.Context) ([]outbox.Event, error) {
		rows, err := d.read.QueryContext(ctx, `SELECT `+eventColumns+` FROM outbox`)
		if err != nil {
			return nil, err
		}
		return collect(rows, func(row scanner) (outbox.Event, error) { return scanEvent(row) })
	}
}

func TestEventsAreInTheTransactionOfTheirRows(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		chattest.Events(t, func(t *testing.T) (chat.Store, chattest.Outbox) {
			d := e.open(t)
			return d.Chat(), pending(d)
		})
	})
}

// The outbox refuses the event, so the row is not stored either.
func TestARowIsNotStoredWithoutItsEvent(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		n := chattest.Start(t, d.Chat(), &chattest.Hub{}, chat.Config{Events: true})
		id := n.NewConversation()
		exec(t, d, `ALTER TABLE outbox RENAME TO gone`)
		draft := chattest.Text(t, id, "hello")
		if _, err := n.Send(t.Context(), chattest.Ann, draft); err == nil {
			t.Fatal("sent without an outbox")
		}
		exec(t, d, `ALTER TABLE gone RENAME TO outbox`)
		if a := n.MustSend(chattest.Ann, draft); a.Seq != 2 || a.Dup {
			t.Errorf("the repeat: %+v, want seq 2", a)
		}
		if got, err := pending(d)(t.Context()); len(got) != 2 || err != nil {
			t.Errorf("%d events, %v; want those of the opening and the entry", len(got), err)
		}
	})
}

func TestEventsSurviveARestart(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		open := e.reopener(t)
		event := outboxtest.Event(t, 1)
		if err := open().Outbox().Append(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		claims, err := open().Outbox().Claim(t.Context(), 10, time.Hour)
		if err != nil || len(claims) != 1 || claims[0].Event != event {
			t.Fatalf("after a restart: %+v, %v", claims, err)
		}
		if claims, err := open().Outbox().Claim(t.Context(), 10, time.Hour); err != nil || len(claims) != 0 {
			t.Errorf("after another: %d claims, %v; want the first to hold", len(claims), err)
		}
	})
}
