package db

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
		rows, err := d.read.QueryContext(ctx, `SELECT `+allEventColumns+` FROM outbox`)
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

// hook is a target that counts how often each event arrived.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	came map[outbox.EventID]int
	seqs map[uint64]bool
}

func newHook(t testing.TB) *hook {
	h := &hook{came: map[outbox.EventID]int{}, seqs: map[uint64]bool{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e outbox.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil || e.Check() != nil {
			t.Errorf("arrived as %+v, %v", e, err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.came[e.ID]++
		h.seqs[e.Seq] = true
	}))
	t.Cleanup(h.Close)
	return h
}

// deliver runs an outbox over the store until the test ends.
func (h *hook) deliver(t testing.TB, s outbox.Store) {
	o, err := outbox.New(outbox.Config{Store: s, Poll: 20 * time.Millisecond,
		Target: outbox.Target{URL: h.URL, Secrets: []outbox.Secret{"0123456789abcdef0123456789abcdef"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What is sent while two nodes deliver arrives, each entry in one event.
func TestTwoNodesDeliverWhatTheLogHolds(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		const entries = 40
		h := newHook(t)
		h.deliver(t, d.Outbox())
		h.deliver(t, d.Outbox())
		n := chattest.Start(t, d.Chat(), &chattest.Hub{}, chat.Config{Events: true})
		id := n.NewConversation()
		for range entries - 1 {
			n.MustSend(chattest.Ann, chattest.Text(t, id, "hello"))
		}
		chattest.Eventually(t, "everything arrived", func() bool {
			b, err := d.Outbox().Backlog(t.Context())
			return err == nil && b.Pending == 0
		})
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.came) != entries || len(h.seqs) != entries {
			t.Errorf("%d events of %d entries arrived, want %d", len(h.came), len(h.seqs), entries)
		}
		for id, times := range h.came {
			if times != 1 {
				t.Errorf("%s arrived %d times though nothing was killed", id, times)
			}
		}
	})
}

// However much waits for a later try, a claim searches an index and looks at nothing else.
func TestAClaimDoesNotReadWhatIsNotDue(t *testing.T) {
	many := map[dialect]string{
		sqliteDialect:   `WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 5000) SELECT printf('%036d', i)`,
		postgresDialect: `WITH g AS (SELECT i FROM generate_series(1, 5000) i) SELECT lpad(i::text, 36, '0')`,
	}
	explain := map[dialect]string{sqliteDialect: `EXPLAIN QUERY PLAN `, postgresDialect: `EXPLAIN `}
	whole := map[dialect]string{sqliteDialect: "SCAN outbox", postgresDialect: "Seq Scan on outbox"}
	forEachEngine(t, func(t *testing.T, d *DB) {
		exec(t, d, `INSERT INTO outbox (`+eventColumns+`, due_us, attempts) `+many[d.dialect]+
			`, 'conversation.entry', 1, 'c', i, 'text', 'u', '', '', `+d.now()+` + 3600000000, 1 FROM g`)
		lease := ` + 1000 `
		plan := explained(t, d, explain[d.dialect]+strings.Replace(d.Outbox().claim(16), ` + $1`, lease, 1))
		if strings.Contains(plan, whole[d.dialect]) || !strings.Contains(plan, "outbox_due") {
			t.Errorf("the plan:\n%s", plan)
		}
		control := explained(t, d, explain[d.dialect]+`SELECT * FROM outbox WHERE seq > 0`)
		if !strings.Contains(control, whole[d.dialect]) {
			t.Errorf("the control reads the whole table, and its plan does not say so:\n%s", control)
		}
	})
}

// explained is a plan in one text.
func explained(t *testing.T, d *DB, statement string) string {
	t.Helper()
	rows, err := d.write.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := collect(rows, func(row scanner) (string, error) {
		fields := make([]any, len(columns))
		for i := range fields {
			fields[i] = new(any)
		}
		err := row.Scan(fields...)
		return fmt.Sprint(*fields[len(fields)-1].(*any)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
