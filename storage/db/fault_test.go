package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/testenv/engines"
)

// eventually polls until ok, for half a minute at most.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within half a minute: %s", what)
		}
	}
}

// appended is an append under way.
func appended(d *DB, r chat.Row) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := d.Chat().Append(context.Background(), chat.Batch{Rows: []chat.Row{r}})
		done <- err
	}()
	return done
}

// "Failed" is as the caller sees it: the backend ends while the transaction waits for a lock.
func TestAnAppendWhoseServerProcessDiesLeavesNothing(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	id := startChat(t, d).NewConversation()
	lock, err := d.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	if _, err := lock.Exec(`SELECT FROM chat_conversations FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	done := appended(d, entry(id, "a"))
	eventually(t, "the append waits and is ended", func() bool {
		var n int
		err := d.read.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		return err == nil && n > 0
	})
	var bad *chat.RowError
	if err := <-done; err == nil || errors.As(err, &bad) {
		t.Fatalf("the append: %v, want an error that names no row", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if head, last := storedHead(t, d, id); head != 1 || last != 1 {
		t.Errorf("head %d, last entry %d; want nothing of it", head, last)
	}
	if out, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{entry(id, "a")}}); err != nil || out.Rows[0].Seq != 2 || out.Rows[0].Dup {
		t.Errorf("the repeat: %+v, %v; want seq 2", out, err)
	}
}

// "Failed but took effect": the answer to the commit is lost on the way.
func TestAnAppendWhoseAnswerIsLostIsFoundByTheRepeat(t *testing.T) {
	url := engines.PostgreSQL(t)
	direct, way := openURL(t, url), newProxy(t, url)
	id := startChat(t, direct).NewConversation()
	d := openURL(t, way.url)
	for _, cid := range []chat.ClientID{"first", "second"} { // from now on the connection is known, and the statements to it
		if err := <-appended(d, entry(id, cid)); err != nil {
			t.Fatal(err)
		}
	}
	way.deaf.Store(true)
	done := appended(d, entry(id, "a"))
	eventually(t, "the entry is committed", func() bool {
		head, _ := storedHead(t, direct, id)
		return head == 4
	})
	way.cut()
	if err := <-done; err == nil {
		t.Fatal("the append succeeded without an answer")
	}
	out, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{entry(id, "b"), entry(id, "a")}})
	if err != nil || out.Rows[0].Seq != 5 || out.Rows[0].Dup || out.Rows[1].Seq != 4 || !out.Rows[1].Dup {
		t.Errorf("the repeat: %+v, %v; want seq 5 and the repeat of 4", out, err)
	}
}

// proxy stands between a pool and its server. Deaf, it swallows what the server says.
type proxy struct {
	url   string
	deaf  atomic.Bool
	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, _, _ := strings.Cut(strings.TrimPrefix(url, "postgres://parley@"), "/")
	p := &proxy{url: strings.Replace(url, server, l.Addr().String(), 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.carry(c, server) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *proxy) carry(c net.Conn, server string) {
	defer c.Close()
	s, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer s.Close()
	p.mu.Lock()
	p.conns = append(p.conns, c, s)
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(s, c)
		s.Close()
	})
	_, _ = io.Copy(p.ears(c), s)
	c.Close()
	wg.Wait()
}

// ears is a writer to c, or to nowhere while the proxy is deaf.
func (p *proxy) ears(c net.Conn) io.Writer {
	return writer(func(b []byte) (int, error) {
		if p.deaf.Load() {
			return len(b), nil
		}
		return c.Write(b)
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// cut ends every connection; new ones are carried faithfully.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf.Store(false)
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Two transactions that lock the same rows in opposite order: PostgreSQL rolls one back, which then runs again.
func TestADeadlockIsTriedAgain(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	for _, s := range []string{"a", "b"} {
		if err := addRevocation(d, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	var meet, done sync.WaitGroup
	meet.Add(2)
	var runs atomic.Int32
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		done.Go(func() {
			first := true
			err := d.tx(t.Context(), func(tx *sql.Tx) error {
				runs.Add(1)
				if _, err := tx.Exec(`UPDATE revocations SET before_us = before_us + 1 WHERE subject = $1`, order[0]); err != nil {
					return err
				}
				if first {
					first = false
					meet.Done()
					meet.Wait()
				}
				_, err := tx.Exec(`UPDATE revocations SET before_us = before_us + 1 WHERE subject = $1`, order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	var sum int
	if err := d.read.QueryRow(`SELECT sum(before_us) FROM revocations`).Scan(&sum); err != nil || sum != 6 || runs.Load() < 3 {
		t.Errorf("sum %d after %d runs, %v; want 6 after 3 or more", sum, runs.Load(), err)
	}
}

func TestValuesThatPostgreSQLCantStoreFailAlone(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	id := startChat(t, d).NewConversation()
	long, random := make([]byte, 9000), rand.New(rand.NewPCG(1, 2)) // more than a page of an index takes, and it can't be compressed
	for i := range long {
		long[i] = byte('!' + random.IntN(90))
	}
	for name, r := range map[string]chat.Row{
		"a zero byte":       {Conversation: id, CID: "a\x00b", Type: "text", Sealed: []byte{1}},
		"half a letter":     {Conversation: id, CID: "x", Sender: "\xe6\xac", Type: "text", Sealed: []byte{1}},
		"too big a key":     {Conversation: id, CID: chat.ClientID(long), Type: "text", Sealed: []byte{1}},
		"no bytes where":    {Conversation: id, CID: "x", Type: "text"},
		"a zero byte in it": {Conversation: id, CID: "x", Type: "te\x00xt", Sealed: []byte{1}},
	} {
		t.Run(name, func(t *testing.T) { refusesRow(t, d, id, r) })
	}
}

// sender sends one row after the other and repeats each until it is acknowledged, as a client does.
type sender struct {
	store *Chat
	room  chat.ConversationID
	n     int
	acks  map[chat.ClientID]chat.Placed
	again int // acknowledged as repeats
}

func (s *sender) run(ctx context.Context, until *atomic.Bool) error {
	s.acks = map[chat.ClientID]chat.Placed{}
	for i := 0; !until.Load(); i++ {
		r := entry(s.room, chat.ClientID(fmt.Sprintf("%d-%d", s.n, i)))
		for ctx.Err() == nil {
			out, err := s.store.Append(ctx, chat.Batch{Rows: []chat.Row{r}})
			if err != nil {
				continue
			}
			if s.acks[r.CID] = out.Rows[0]; out.Rows[0].Dup {
				s.again++
			}
			break
		}
	}
	return ctx.Err()
}

func TestAKilledServerLosesNothingAcknowledged(t *testing.T) {
	server := engines.OwnPostgreSQL(t)
	url, err := server.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := openURL(t, url)
	n := startChat(t, d)
	rooms := []chat.ConversationID{n.NewConversation(), n.NewConversation()}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var end atomic.Bool
	var wg sync.WaitGroup
	senders := make([]*sender, 8)
	for i := range senders {
		senders[i] = &sender{store: d.Chat(), room: rooms[i%2], n: i}
		wg.Go(func() {
			if err := senders[i].run(ctx, &end); err != nil {
				t.Error(err)
			}
		})
	}
	for kill := range chat.Seq(3) {
		eventually(t, "there is work", func() bool { return headOf(d, rooms[0]) > 100*(kill+1) })
		crash(t, server, d)
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before := headOf(d, rooms[0])
	eventually(t, "it goes on", func() bool { return headOf(d, rooms[0]) > before+50 })
	end.Store(true)
	wg.Wait()
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, room := range rooms {
		checkLog(t, d, room, senders)
	}
}

// crash kills the server and waits until its processes have noticed: it can't start beside them.
func crash(t *testing.T, server *engines.Postgres, d *DB) {
	t.Helper()
	rows, err := d.read.Query(`SELECT pid FROM pg_stat_activity`)
	if err != nil {
		t.Fatal(err)
	}
	pids, err := collect(rows, func(row scanner) (pid int, err error) { return pid, row.Scan(&pid) })
	if err := errors.Join(err, server.Kill()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all of the server ends", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}

func headOf(d *DB, id chat.ConversationID) (head chat.Seq) {
	if err := d.read.QueryRow(`SELECT head FROM chat_conversations WHERE id = $1`, id).Scan(&head); err != nil {
		return 0 // the server is away
	}
	return head
}

// checkLog compares the log with what was acknowledged: each at its place, none twice, no hole, nothing unasked for.
func checkLog(t *testing.T, d *DB, room chat.ConversationID, senders []*sender) {
	t.Helper()
	at := map[chat.ClientID]chat.Seq{}
	for head, last := chat.Seq(1), chat.Seq(0); last < head; {
		page, top, err := d.Chat().Read(t.Context(), room, chat.Range{After: last, Limit: chat.MaxPage})
		if err != nil || len(page) == 0 {
			t.Fatalf("read after %d: %d entries, %v", last, len(page), err)
		}
		for _, e := range page {
			if last++; e.Seq != last || at[e.CID] != 0 {
				t.Fatalf("place %d holds seq %d, whose cid was at %d", last, e.Seq, at[e.CID])
			}
			at[e.CID] = e.Seq
		}
		head = top
	}
	acked, again := 1, 0 // the first entry
	for _, s := range senders {
		if s.room != room {
			continue
		}
		acked, again = acked+len(s.acks), again+s.again
		for cid, p := range s.acks {
			if at[cid] != p.Seq {
				t.Errorf("%s was acknowledged at %d and is at %d", cid, p.Seq, at[cid])
			}
		}
	}
	if acked != len(at) {
		t.Errorf("%d acknowledged, %d in the log", acked, len(at))
	}
	t.Logf("%d entries, %d of them acknowledged as repeats", len(at), again)
}
