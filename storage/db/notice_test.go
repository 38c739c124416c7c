package db

import (
	"context"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/notice/noticetest"
	"parley/internal/outbox"
)

func TestNoticeKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		noticetest.Run(t, func(t *testing.T) noticetest.Opened {
			d := e.open(t)
			return noticetest.Opened{
				Store: d.Notice(),
				Pass: func(by time.Duration) {
					us := by.Microseconds()
					exec(t, d, `UPDATE reminders SET since_us = since_us - $1, told_us = CASE WHEN told_us = 0 THEN 0 ELSE told_us - $1 END,
						due_us = CASE WHEN due_us = 0 THEN 0 ELSE due_us - $1 END`, us)
					exec(t, d, `UPDATE notices SET made_us = made_us - $1, due_us = CASE WHEN due_us = 0 THEN 0 ELSE due_us - $1 END`, us)
				},
				Events: func() []outbox.Event {
					events, err := pending(d)(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					return events
				},
			}
		})
	})
}

func TestTheCursorOfAReminderIsTheLogs(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		n := chattest.Start(t, d.Chat(), &chattest.Hub{}, chat.Config{})
		id := n.NewConversation()
		a := n.MustSend(chattest.Ann, chattest.Text(t, id, "hello"))
		if err := n.Mark(t.Context(), chattest.Rob, id, a.Seq, a.Seq); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			id     string
			user   chat.Party
			read   uint64
			member bool
		}{
			{string(id), chat.Party{User: chattest.Rob.User}, a.Seq, true}, {string(id), chat.Party{User: chattest.Ann.User}, 0, true},
			{string(id), chat.Party{User: chattest.Hana.User}, 0, false}, {"none", chat.Party{User: chattest.Rob.User}, 0, false},
		} {
			if read, member, err := d.Notice().ReadTo(t.Context(), c.id, c.user.User); read != c.read || member != c.member || err != nil {
				t.Errorf("%s: %d, %v, %v; want %d, %v", c.user.User, read, member, err, c.read, c.member)
			}
		}
	})
}
