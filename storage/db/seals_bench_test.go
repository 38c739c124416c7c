package db

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/internal/identity"
	"parley/storage/keys/keystest"
)

// BenchmarkAppendSealed is BenchmarkAppend with and without a sealer beside it: chat's rate must not fall by it.
func BenchmarkAppendSealed(b *testing.B) {
	for _, e := range bothEngines {
		for _, seals := range []bool{false, true} {
			name := e.name + "/bare"
			if seals {
				name = e.name + "/sealed"
			}
			b.Run(name, func(b *testing.B) {
				d := e.open(b)
				s := sealer.New(d.Seals(), keystest.New(), sealer.Config{})
				hub := &chattest.Hub{}
				if seals {
					hub.OnCommitted = func(members []identity.UserID, e chat.Entry) { s.Committed(members, e) }
				}
				n := chattest.Start(b, d.Chat(), hub, chat.Config{})
				stop := running(b, s)
				defer stop()
				benchmarkAppend(b, n)
			})
		}
	}
}

func running(b *testing.B, s *sealer.Sealer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// BenchmarkSeal is what sealing costs: messages of 256 bytes, five a conversation, that are in the log already. It reports the
// processor time of this process for each entry, and what share of a processor 5,000 entries a second would take.
func BenchmarkSeal(b *testing.B) {
	for _, rooms := range []int{64, 1000} {
		for _, e := range bothEngines {
			b.Run(strings.Join([]string{e.name, map[int]string{64: "64-rooms", 1000: "1000-rooms"}[rooms]}, "/"), func(b *testing.B) {
				benchmarkSeal(b, e.open(b), rooms)
			})
		}
	}
}

func benchmarkSeal(b *testing.B, d *DB, rooms int) {
	n := chattest.Start(b, d.Chat(), &chattest.Hub{}, chat.Config{})
	s := sealer.New(d.Seals(), keystest.New(), sealer.Config{})
	ids := make([]chat.ConversationID, rooms)
	for i := range ids {
		ids[i] = n.NewConversation()
	}
	s.Changed(nil, ids[0])
	seal := func() time.Duration {
		for _, id := range ids {
			s.Changed(nil, id)
		}
		began := processTime(b)
		s.Round(b.Context())
		return processTime(b) - began
	}
	seal()
	var spent time.Duration
	entries := 0
	b.ResetTimer()
	for entries < b.N {
		b.StopTimer()
		each := max(1, 10000/rooms) // two seconds of 5,000 a second
		entries += fill(b, d, ids, entries, each)
		b.StartTimer()
		spent += seal()
	}
	us := float64(spent.Microseconds()) / float64(entries)
	b.ReportMetric(us, "cpu-us/entry")
	b.ReportMetric(us*5000/1e4, "%cpu@5000/s")
}

func fill(b *testing.B, d *DB, ids []chat.ConversationID, from, each int) (n int) {
	var batch chat.Batch
	flush := func() {
		if len(batch.Rows) == 0 {
			return
		}
		if _, err := d.Chat().Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		batch.Rows = nil
	}
	for i := range each {
		for _, id := range ids {
			batch.Rows = append(batch.Rows, chat.Row{Conversation: id, Sender: chattest.Ann.User, CID: chat.ClientID(chattest.CID(b)),
				Time: time.Now().UTC().Truncate(time.Microsecond), Type: chat.TypeText, Sealed: make([]byte, 300)})
			if n++; len(batch.Rows) == chat.MaxBatch {
				flush()
			}
		}
		_ = i
	}
	flush()
	return n
}

// processTime is the processor time that this process has used.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
