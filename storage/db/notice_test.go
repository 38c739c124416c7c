package db

import (
	"context"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/notice"
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
		own := n.MustSend(chattest.Rob, chattest.Text(t, id, "one's own is nothing to read"))
		b := n.MustSend(chattest.Ann, chattest.Text(t, id, "are you there?"))
		n.MustSend(chattest.Ann, chattest.Text(t, id, "?"))
		if err := n.Mark(t.Context(), chattest.Rob, id, a.Seq, a.Seq); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			id   string
			user identity.UserID
			want notice.Read
		}{
			{string(id), chattest.Rob.User, notice.Read{Member: true, To: a.Seq, Since: b.Time}},
			{string(id), chattest.Ann.User, notice.Read{Member: true, Since: own.Time}},
			{string(id), chattest.Hana.User, notice.Read{}}, {"none", chattest.Rob.User, notice.Read{}},
		} {
			if got, err := d.Notice().ReadTo(t.Context(), c.id, c.user); got != c.want || err != nil {
				t.Errorf("%s: %+v, %v; want %+v", c.user, got, err, c.want)
			}
		}
	})
}
