package sealertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"parley/chat"
	"parley/chat/sealer"
	"parley/internal/chain"
)

// Memory is a sealer.Store over a chat.Store, which it stands in for: it knows the conversations that are opened through it. It
// forgets when the process ends, and panics when its caller breaks the contract.
type Memory struct {
	chat.Store

	mu    sync.Mutex
	ids   []chat.ConversationID
	trees []sealer.Tree
	seals map[chat.ConversationID][]sealer.Seal
	// Tamper changes what is read of the log, as somebody with access to the database could; nil changes nothing.
	Tamper func([]chat.Entry) []chat.Entry
}

var (
	_ sealer.Store = (*Memory)(nil)
	_ chat.Store   = (*Memory)(nil)
)

func must(ok bool, what string) {
	if !ok {
		panic("sealertest: the caller broke the contract: " + what)
	}
}

// Open implements [chat.Store].
func (m *Memory) Open(ctx context.Context, f chat.Founding) (chat.ConversationID, error) {
	id, err := m.Store.Open(ctx, f)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && !slices.Contains(m.ids, id) {
		m.ids = append(m.ids, id)
		slices.Sort(m.ids)
	}
	return id, err
}

func (m *Memory) last(id chat.ConversationID) chain.Seal {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.seals[id]); n > 0 {
		return m.seals[id][n-1].Seal
	}
	return chain.Seal{}
}

// Standings implements [sealer.Store].
func (m *Memory) Standings(ctx context.Context, ids []chat.ConversationID) (list []sealer.Standing, err error) {
	for _, id := range ids {
		last := m.last(id)
		st, err := m.Load(ctx, id, "")
		if err == nil {
			list = append(list, sealer.Standing{Conversation: id, Opened: st.Opened, Head: st.Head, Last: last})
		} else if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return list, nil
}

// Members implements [sealer.Store].
func (m *Memory) Members(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]sealer.Member, error) {
	all := map[chat.ConversationID][]sealer.Member{}
	for _, id := range ids {
		st, err := m.Load(ctx, id, "")
		if err != nil {
			continue
		}
		for _, seat := range st.Seats {
			all[id] = append(all[id], sealer.Member{User: seat.User, Role: seat.Role})
		}
	}
	return all, ctx.Err()
}

// Entries implements [sealer.Store].
func (m *Memory) Entries(ctx context.Context, spans []sealer.Span) (list []chat.Entry, err error) {
	for _, p := range spans {
		must(p.After < p.To, "an empty span")
		for after := p.After; after < p.To; {
			page, _, err := m.Read(ctx, p.Conversation, chat.Range{After: after, Limit: int(min(p.To-after, chat.MaxPage))})
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil || len(page) == 0 {
				break
			}
			after = page[len(page)-1].Seq
			list = append(list, page...)
		}
	}
	if m.Tamper != nil {
		list = m.Tamper(list)
	}
	return list, nil
}

// Behind implements [sealer.Store].
func (m *Memory) Behind(ctx context.Context, after chat.ConversationID, limit int) (behind []chat.ConversationID, last chat.ConversationID, err error) {
	m.mu.Lock()
	i, found := slices.BinarySearch(m.ids, after)
	if found {
		i++
	}
	ids := slices.Clone(m.ids[i:min(len(m.ids), i+limit)])
	m.mu.Unlock()
	standings, err := m.Standings(ctx, ids)
	for _, st := range standings {
		if st.Head > st.Last.Entries {
			behind = append(behind, st.Conversation)
		}
	}
	if len(ids) == limit {
		last = ids[limit-1]
	}
	return behind, last, err
}

// Commit implements [sealer.Store].
func (m *Memory) Commit(ctx context.Context, t sealer.Tree) error {
	must(len(t.Seals) > 0 && len(t.Seals) == len(t.Hashes) && t.Leaves == uint64(len(t.Hashes)), "a tree whose seals are not its leaves")
	must(chain.Root(t.Hashes) == t.Root, "a tree with another root")
	for i, l := range t.Seals {
		_, leaf, err := l.Encode()
		must(err == nil && leaf == t.Hashes[i] && l.Tree == t.Number && l.Leaf == uint64(i), fmt.Sprintf("leaf %d is not its seal's", i))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if uint64(len(m.trees)) >= t.Number {
		return sealer.ErrTree
	}
	must(t.Number == uint64(len(m.trees))+1, "a tree after none")
	for _, l := range t.Seals {
		if uint64(len(m.seals[chat.ConversationID(l.Conversation)])) >= l.Seal.Seal {
			return sealer.ErrSealed
		}
	}
	if m.seals == nil {
		m.seals = map[chat.ConversationID][]sealer.Seal{}
	}
	for _, l := range t.Seals {
		id := chat.ConversationID(l.Conversation)
		must(l.Seal.Seal == uint64(len(m.seals[id]))+1, "a seal after none")
		m.seals[id] = append(m.seals[id], l)
	}
	t.Seals = nil
	m.trees = append(m.trees, t)
	return nil
}

// Tree implements [sealer.Store].
func (m *Memory) Tree(ctx context.Context, number uint64) (sealer.Tree, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	number = cmp.Or(number, uint64(len(m.trees)))
	if number == 0 || number > uint64(len(m.trees)) {
		return sealer.Tree{}, ctx.Err()
	}
	return m.trees[number-1], ctx.Err()
}

// Trees implements [sealer.Store].
func (m *Memory) Trees(ctx context.Context, after uint64, limit int) ([]sealer.Tree, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := page(m.trees, after, limit)
	for i := range list {
		list[i].Hashes = nil
	}
	return list, ctx.Err()
}

// Seals implements [sealer.Store].
func (m *Memory) Seals(ctx context.Context, id chat.ConversationID, after uint64, limit int) ([]sealer.Seal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return page(m.seals[id], after, limit), ctx.Err()
}

func page[T any](all []T, after uint64, limit int) []T {
	i := min(after, uint64(len(all)))
	return slices.Clone(all[i:min(i+uint64(limit), uint64(len(all)))])
}
