package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
)

// BenchmarkAppend is 64 senders with one message of 256 bytes in flight each, through the whole service: checked, sealed,
// committed, acknowledged. It reports acknowledged messages a second and the 99th percentile of their time.
func BenchmarkAppend(b *testing.B) {
	for _, e := range bothEngines {
		b.Run(e.name, func(b *testing.B) { benchmarkAppend(b, startChat(b, e.open(b))) })
	}
}

func benchmarkAppend(b *testing.B, n *chattest.Node) {
	const senders = 64
	rooms := make([]chat.ConversationID, senders)
	for i := range rooms {
		rooms[i] = n.NewConversation()
		n.MustSend(chattest.Ann, chattest.Text(b, rooms[i], "first"))
	}
	text := strings.Repeat("x", 256)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, senders)
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range senders {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				d := chattest.Text(b, rooms[i], text)
				began := time.Now()
				if _, err := n.Send(context.Background(), chattest.Ann, d); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "acked/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
}

// BenchmarkBegin is 64 senders with 8 messages of 256 bytes in flight each, as sessions that don't wait for each answer: it
// reports acknowledged messages a second and the 99th percentile from beginning to answer.
func BenchmarkBegin(b *testing.B) {
	for _, e := range bothEngines {
		b.Run(e.name, func(b *testing.B) { benchmarkBegin(b, startChat(b, e.open(b))) })
	}
}

func benchmarkBegin(b *testing.B, n *chattest.Node) {
	const senders, deep = 64, 8
	rooms := make([]chat.ConversationID, senders)
	for i := range rooms {
		rooms[i] = n.NewConversation()
		n.MustSend(chattest.Ann, chattest.Text(b, rooms[i], "first"))
	}
	text := strings.Repeat("x", 256)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, senders)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range senders {
		wg.Go(func() { took[i] = pipeline(b, n, rooms[i], text, deep, &left) })
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "acked/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

// pipeline keeps so many messages under way until none is left.
func pipeline(b *testing.B, n *chattest.Node, id chat.ConversationID, text string, deep int, left *atomic.Int64) (took []time.Duration) {
	type sent struct {
		at   time.Time
		wait func(context.Context) (chat.Ack, error)
	}
	var under []sent
	for more := true; more || len(under) > 0; {
		if more = more && left.Add(-1) >= 0; more {
			began := time.Now()
			wait, err := n.Begin(context.Background(), chattest.Ann, chattest.Text(b, id, text))
			if err != nil {
				b.Error(err)
				return took
			}
			if under = append(under, sent{began, wait}); len(under) < deep {
				continue
			}
		}
		if len(under) == 0 {
			break
		}
		if _, err := under[0].wait(context.Background()); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(under[0].at))
		under = under[1:]
	}
	return took
}

// BenchmarkAppendCeiling is the store alone: batches of 64 rows over 64 conversations, one after the other.
func BenchmarkAppendCeiling(b *testing.B) {
	for _, e := range bothEngines {
		b.Run(e.name, func(b *testing.B) { benchmarkCeiling(b, e.open(b)) })
	}
}

func benchmarkCeiling(b *testing.B, d *DB) {
	const size = 64
	n := startChat(b, d)
	rows := make([]chat.Row, size)
	for i := range rows {
		rows[i] = chat.Row{Conversation: n.NewConversation(), Sender: chattest.Ann.User, Type: chat.TypeText, Sealed: make([]byte, 300)}
	}
	s := d.Chat()
	b.ResetTimer()
	for k := 0; k < b.N; k += size {
		for i := range rows {
			rows[i].CID, rows[i].Time = chat.ClientID(fmt.Sprintf("0195794e-8f10-7c3a-9d42-%012d", k+i)), time.Now()
		}
		if _, err := s.Append(b.Context(), chat.Batch{Rows: rows}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
