package chattest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// Place implements [chat.Store].
func (m *Memory) Place(ctx context.Context, id chat.ConversationID, sender identity.UserID, cid chat.ClientID) (chat.Placed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[id]
	if r == nil || r.cids[name{sender, cid}] == 0 {
		return chat.Placed{}, chat.ErrUnknown
	}
	seq := r.cids[name{sender, cid}]
	return chat.Placed{Seq: seq, Time: r.log[seq-1].Time, Dup: true}, ctx.Err()
}

// Recent implements [chat.Store].
func (m *Memory) Recent(ctx context.Context, id chat.ConversationID, below chat.Seq, until time.Time, limit int) ([]chat.Entry, error) {
	must(limit >= 1 && limit <= chat.MaxPage, "a page without a limit within bounds")
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[id]
	if r == nil {
		return nil, ctx.Err()
	}
	log := slices.DeleteFunc(r.shown(r.log), func(e chat.Entry) bool {
		return below > 0 && e.Seq >= below || !e.Time.Before(until)
	})
	slices.Reverse(log)
	return cut(log, limit), ctx.Err()
}

// Thing implements [chat.ThingStore].
func (m *Memory) Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.all[id]; r != nil {
		if t, ok := r.things[thing]; ok {
			t.Sealed = slices.Clone(t.Sealed)
			return t, ctx.Err()
		}
	}
	return chat.Thing{}, chat.ErrUnknown
}

// Things implements [chat.ThingStore].
func (m *Memory) Things(ctx context.Context, id chat.ConversationID, kind string) ([]chat.Thing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[id]
	if r == nil {
		return nil, ctx.Err()
	}
	all := r.thingsOf(kind)
	return all[:min(chat.MaxThings, len(all))], ctx.Err()
}

// thingsOf are the things of the kind, that of the latest step first.
func (r *room) thingsOf(kind string) []chat.Thing {
	var all []chat.Thing
	for _, t := range r.things {
		if t.Kind == kind {
			t.Sealed = slices.Clone(t.Sealed)
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b chat.Thing) int { return cmp.Compare(b.Seq, a.Seq) })
	return all
}

// Expiring implements [chat.ThingStore].
func (m *Memory) Expiring(ctx context.Context, kind string, before time.Time, limit int) ([]chat.Thing, error) {
	must(limit >= 1, "a limit below one")
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []chat.Thing
	for _, r := range m.all {
		for _, t := range r.thingsOf(kind) {
			if !t.Expires.IsZero() && t.Expires.Before(before) {
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, func(a, b chat.Thing) int { return a.Expires.Compare(b.Expires) })
	return all[:min(limit, len(all))], ctx.Err()
}

// step does what a row brings with it; an error leaves everything as it was.
func (r *room) step(row chat.Row, seq chat.Seq) error {
	if v := row.Revises; v != nil && r.revised[v.Target].Kind == chat.TypeRecall {
		return chat.ErrRecalled
	}
	if t := row.Turn; t != nil {
		if err := r.turn(row.Conversation, *t, seq, row.Time); err != nil {
			return err
		}
	}
	if v := row.Revises; v != nil {
		by := chat.Revised{Seq: seq, Kind: v.Kind}
		if v.Kind == chat.TypeEdit {
			by.CID, by.Sealed = row.CID, slices.Clone(row.Sealed)
			r.roots[seq] = v.Target
		}
		r.roots[v.Target], r.revised[v.Target] = v.Target, by
	}
	return nil
}

func (r *room) turn(id chat.ConversationID, t chat.Turn, seq chat.Seq, at time.Time) error {
	was, ok := r.things[t.Thing]
	if ok != (t.From != "") || was.State != t.From || t.After != 0 && t.After != was.Seq {
		return chat.ErrTurn
	}
	if t.From == "" {
		was = chat.Thing{Conversation: id, ID: t.Thing, Kind: t.Kind, What: t.What, Opener: t.Opener}
	}
	was.State, was.Seq, was.Changed, was.Expires = t.To, seq, at, t.Expires
	if t.Sealed != nil {
		was.Sealed = slices.Clone(t.Sealed)
	}
	r.things[t.Thing] = was
	return nil
}

// shown are copies of the entries with what later ones did to them.
func (r *room) shown(log []chat.Entry) []chat.Entry {
	log = slices.Clone(log)
	for i, e := range log {
		by, ok := r.revised[r.roots[e.Seq]]
		if ok && by.Seq != e.Seq {
			by.Sealed = slices.Clone(by.Sealed)
			log[i].Revised = &by
		}
	}
	return log
}
