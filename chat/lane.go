package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
)

// A lane owns the appends of its share of the conversations, so that their order in the log is the order in which the hub
// is told. It takes what queued while its last commit ran, at most MaxBatch, and waits for nothing when idle.
//
// A crash before the commit leaves nothing, and nobody was answered. A crash after it leaves the entries in the log and
// their senders without an answer: they send again with the same cid and get the first seq.
type lane struct {
	store   Store
	hub     Hub
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics
	timeout time.Duration
	inbox   chan *ticket

	// doubt holds the rows whose commit failed with an unknown outcome. If one took effect after all, the hub was never told;
	// its sender's next try does it. Bounded by maxDoubt; what falls out is only a lost hint.
	doubt map[rowName]struct{}
}

const maxDoubt = 4096

type rowName struct {
	conversation ConversationID
	sender       identity.UserID
	cid          ClientID
}

func (r Row) name() rowName { return rowName{r.Conversation, r.Sender, r.CID} }

// ticket is a row or a mark on its way: exactly one of the two is set. The lane answers each exactly once.
type ticket struct {
	row     *Row
	mark    *Mark
	held    Row // where row points to
	members []identity.UserID
	quiet   bool        // the mark is of a member who has switched receipts off
	answer  chan answer // of capacity 1, so that the lane never waits for who went away
}

type answer struct {
	placed Placed
	err    error
}

var (
	errFull = policy.ErrUnavailable.With(
		"Too much is waiting to be stored. Send it again in a moment with the same cid.", "系统繁忙，请稍后用相同的 cid 重发。")
	errCommit = policy.ErrUnavailable.With(
		"It could not be confirmed that this was stored. Send it again with the same cid.", "未能确认是否已保存，请用相同的 cid 重发。")
	errStopping = policy.ErrUnavailable.With(
		"The server is going away. Connect again and send it with the same cid.", "服务正在重启，请重新连接后用相同的 cid 重发。")
)

// queue hands the ticket to its lane.
func (s *Service) queue(id ConversationID, t *ticket) error {
	t.answer = make(chan answer, 1)
	select {
	case <-s.closing:
		return errStopping
	default:
	}
	select {
	case s.lane(id).inbox <- t:
		return nil
	default:
		s.metrics.refused.Inc()
		return errFull
	}
}

// await waits for the answer to a ticket that was queued. If ctx ends first the outcome is unknown, and it may wait again; an
// answer that is there is given whatever ctx is.
func (s *Service) await(ctx context.Context, t *ticket) (Placed, error) {
	select {
	case a := <-t.answer:
		return a.placed, a.err
	default:
	}
	select {
	case a := <-t.answer:
		return a.placed, a.err
	case <-ctx.Done():
		return Placed{}, ctx.Err()
	case <-s.stopped:
		return t.last()
	}
}

// last is the answer after the lanes have stopped: theirs if they gave one.
func (t *ticket) last() (Placed, error) {
	select {
	case a := <-t.answer:
		return a.placed, a.err
	default:
		return Placed{}, errStopping
	}
}

// run works until closing is closed and then commits what is left in the inbox.
func (l *lane) run(ctx context.Context, closing <-chan struct{}) {
	ctx = context.WithoutCancel(ctx) // a commit under way is finished, within its own timeout
	for {
		select {
		case t := <-l.inbox:
			l.commit(ctx, l.gather(t))
		case <-closing:
			l.drain(ctx)
			return
		}
	}
}

func (l *lane) drain(ctx context.Context) {
	for {
		select {
		case t := <-l.inbox:
			l.commit(ctx, l.gather(t))
		default:
			return
		}
	}
}

func (l *lane) gather(first *ticket) []*ticket {
	batch := []*ticket{first}
	for len(batch) < MaxBatch {
		select {
		case t := <-l.inbox:
			batch = append(batch, t)
		default:
			return batch
		}
	}
	return batch
}

// commit stores the tickets, rows before marks, and answers every one. A row that can't be stored is answered alone and
// the others are tried again without it.
func (l *lane) commit(ctx context.Context, tickets []*ticket) {
	l.metrics.batch.Observe(float64(len(tickets)))
	rows := slices.DeleteFunc(slices.Clone(tickets), func(t *ticket) bool { return t.row == nil })
	marks := slices.DeleteFunc(tickets, func(t *ticket) bool { return t.mark == nil })
	for len(rows)+len(marks) > 0 {
		out, err := l.append(ctx, rows, marks)
		var bad *RowError
		if errors.As(err, &bad) && bad.Index >= 0 && bad.Index < len(rows) {
			rows[bad.Index].answer <- answer{err: fmt.Errorf("append entry: %w", err)}
			rows = slices.Delete(rows, bad.Index, bad.Index+1)
			continue
		}
		if err != nil {
			l.fail(ctx, rows, marks, err)
			return
		}
		// The hub does not block; told first, it has the news ready for the sender's session as that writes its answer.
		l.tell(ctx, rows, marks, out)
		l.reply(rows, marks, out)
		return
	}
}

func (l *lane) append(ctx context.Context, rows, marks []*ticket) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	now := l.now().UTC().Truncate(time.Microsecond)
	b := Batch{Rows: make([]Row, len(rows)), Marks: make([]Mark, len(marks))}
	for i, t := range rows {
		t.row.Time = now
		b.Rows[i] = *t.row
	}
	for i, t := range marks {
		b.Marks[i] = *t.mark
	}
	began := time.Now()
	out, err := l.store.Append(ctx, b)
	l.metrics.commit.Observe(time.Since(began).Seconds())
	if err == nil && (len(out.Rows) != len(rows) || len(out.Marks) != len(marks)) {
		return Outcome{}, errors.New("store answered for another batch")
	}
	return out, err
}

// fail answers all with an error that invites another try. It is the place where the cause is logged.
func (l *lane) fail(ctx context.Context, rows, marks []*ticket, err error) {
	l.log.ErrorContext(ctx, "commit failed", slog.Int("entries", len(rows)), slog.Int("marks", len(marks)), slog.Any("err", err))
	for _, t := range rows {
		if len(l.doubt) >= maxDoubt {
			clear(l.doubt)
		}
		l.doubt[t.row.name()] = struct{}{}
	}
	for _, t := range slices.Concat(rows, marks) {
		t.answer <- answer{err: errCommit}
	}
}

func (l *lane) reply(rows, marks []*ticket, out Outcome) {
	for i, t := range rows {
		p := out.Rows[i]
		l.metrics.placed(t.row.Type, p)
		t.answer <- answer{placed: p, err: p.Err}
	}
	for i, t := range marks {
		t.answer <- answer{err: out.Marks[i].Err}
	}
}

func (l *lane) tell(ctx context.Context, rows, marks []*ticket, out Outcome) {
	for i, t := range rows {
		if e, ok := l.news(ctx, t.row, out.Rows[i]); ok {
			l.hub.Committed(t.members, e)
			if t.row.Discloses != "" || t.row.Turn != nil {
				l.hub.Changed(t.members, t.row.Conversation)
			}
		}
	}
	for i, t := range marks {
		if out.Marks[i].Moved {
			l.moved(t, out.Marks[i])
		}
	}
}

// moved tells of a cursor. Of a quiet member the others hear when something was delivered, and never when it was read: not even
// by the time of a hint.
func (l *lane) moved(t *ticket, m Moved) {
	members := t.members
	if t.quiet && !m.Delivered {
		members = []identity.UserID{t.mark.User}
	}
	m.Cursor.Quiet = t.quiet
	l.hub.Moved(members, m.Cursor)
}

// news is the entry that the row became, if the hub was not told of it before. A repeat that was in doubt is read from the
// log: what the sender put into the repeat may differ from what is stored.
func (l *lane) news(ctx context.Context, r *Row, p Placed) (Entry, bool) {
	_, doubted := l.doubt[r.name()]
	delete(l.doubt, r.name())
	switch {
	case p.Err != nil, p.Dup && !doubted:
		return Entry{}, false
	case !p.Dup:
		return r.at(p), true
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	page, _, err := l.store.Read(ctx, r.Conversation, Range{After: p.Seq - 1, Limit: 1})
	if err != nil || len(page) == 0 || page[0].Revised != nil { // a hint would show what was hidden since
		return Entry{}, false // only a hint is lost
	}
	return page[0], true
}

// at is the entry that the row became.
func (r Row) at(p Placed) Entry {
	return Entry{Conversation: r.Conversation, Seq: p.Seq, Sender: r.Sender, CID: r.CID, Time: p.Time, Type: r.Type, Sealed: r.Sealed}
}
