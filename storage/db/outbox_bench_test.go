package db

import (
	"slices"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
)

// BenchmarkAppendTelling compares batches of 64 rows with an event each and without, one after the other in turn, so that
// whatever else the machine does hits both alike. It reports the medians.
func BenchmarkAppendTelling(b *testing.B) {
	for _, e := range bothEngines {
		b.Run(e.name, func(b *testing.B) { benchmarkTelling(b, e.open(b)) })
	}
}

func benchmarkTelling(b *testing.B, d *DB) {
	const size = 64
	n := startChat(b, d)
	rows := make([]chat.Row, size)
	for i := range rows {
		rows[i] = chat.Row{Conversation: n.NewConversation(), Sender: chattest.Ann.User, Type: chat.TypeText, Sealed: make([]byte, 300)}
	}
	s := d.Chat()
	var took [2][]time.Duration
	b.ResetTimer()
	for k := range b.N {
		for i := range rows {
			rows[i].CID, rows[i].Time, rows[i].Event = chattest.CID(b), time.Now(), outbox.Event{}
			if k%2 == 1 {
				e := outboxtest.Event(b, 1)
				e.Conversation, e.Seq = string(rows[i].Conversation), 0
				rows[i].Event = e
			}
		}
		began := time.Now()
		if _, err := s.Append(b.Context(), chat.Batch{Rows: rows}); err != nil {
			b.Fatal(err)
		}
		took[k%2] = append(took[k%2], time.Since(began))
	}
	for i, unit := range []string{"off-ms", "on-ms"} {
		if all := slices.Sorted(slices.Values(took[i])); len(all) > 0 {
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, unit)
		}
	}
}

// BenchmarkDeliver is a backlog that one node delivers to a target on loopback.
func BenchmarkDeliver(b *testing.B) {
	for _, e := range bothEngines {
		b.Run(e.name, func(b *testing.B) {
			s := e.open(b).Outbox()
			for n := 0; n < b.N; n += 500 {
				var events []outbox.Event
				for i := range min(500, b.N-n) {
					events = append(events, outboxtest.Event(b, uint64(n+i+1)))
				}
				if err := s.Append(b.Context(), events...); err != nil {
					b.Fatal(err)
				}
			}
			h := newHook(b)
			b.ResetTimer()
			h.deliver(b, s)
			for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(time.Millisecond) {
				h.mu.Lock()
				came := len(h.came)
				h.mu.Unlock()
				if came == b.N {
					break
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
