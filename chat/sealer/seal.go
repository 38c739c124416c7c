package sealer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/chain"
)

// draft is what one conversation's next seal says, before it is in a tree.
type draft struct {
	last    chain.Seal
	entries uint64
	head    chain.Hash
	fresh   []chat.Entry
	members []Member
}

// seal seals the conversations, at most maxLeaves, and returns those that have more than one tree takes up.
func (s *Sealer) seal(ctx context.Context, ids []chat.ConversationID) (more []chat.ConversationID, err error) {
	s.at.Lock()
	defer s.at.Unlock()
	for range tries {
		if more, err = s.once(ctx, ids); !errors.Is(err, ErrSealed) {
			break
		}
		s.metrics.races.Inc()
	}
	if err != nil {
		return nil, fmt.Errorf("seal conversations: %w", err)
	}
	return more, nil
}

// once reads, chains and commits. A crash before the commit leaves nothing: the conversations are found behind. One after it
// leaves them sealed.
func (s *Sealer) once(ctx context.Context, ids []chat.ConversationID) (more []chat.ConversationID, err error) {
	standings, err := s.store.Standings(ctx, ids)
	if err != nil {
		return nil, err
	}
	spans, behind, more := plan(standings)
	if len(spans) == 0 {
		return more, nil
	}
	drafts, broken, err := s.drafts(ctx, spans, behind)
	if err != nil {
		return nil, err
	}
	more = slices.DeleteFunc(more, func(id chat.ConversationID) bool { return slices.Contains(broken, id) })
	if len(drafts) == 0 {
		return more, nil
	}
	if err := s.cfg.Before(ctx, unsealed(drafts)); err != nil {
		return nil, fmt.Errorf("tell of new entries: %w", err)
	}
	return more, s.commit(ctx, drafts)
}

// plan picks what one tree takes up: more are the conversations of which something is left.
func plan(standings []Standing) (spans []Span, behind []Standing, more []chat.ConversationID) {
	room := uint64(maxRows)
	for _, st := range standings {
		n := min(st.Head-min(st.Head, st.Last.Entries), maxSpan, room)
		if st.Last.Entries+n < st.Head {
			more = append(more, st.Conversation)
		}
		if n == 0 {
			continue
		}
		room -= n
		spans = append(spans, Span{Conversation: st.Conversation, After: st.Last.Entries, To: st.Last.Entries + n})
		behind = append(behind, st)
	}
	return spans, behind, more
}

// drafts reads the spans and chains them. A conversation whose rows have a hole is broken and left out: a log is never sealed
// across one, and nothing but a broken database makes one.
func (s *Sealer) drafts(ctx context.Context, spans []Span, behind []Standing) (drafts []draft, broken []chat.ConversationID, err error) {
	ids := make([]chat.ConversationID, len(spans))
	for i, p := range spans {
		ids[i] = p.Conversation
	}
	members, err := s.members(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	entries, err := s.store.Entries(ctx, spans)
	if err != nil {
		return nil, nil, err
	}
	logs := make(map[chat.ConversationID][]chat.Entry, len(spans))
	for _, e := range entries {
		logs[e.Conversation] = append(logs[e.Conversation], e)
	}
	for i, p := range spans {
		d, err := extend(behind[i], members[p.Conversation], logs[p.Conversation])
		if err != nil || d.entries != p.To {
			s.broken(ctx, p, err)
			broken = append(broken, p.Conversation)
			continue
		}
		drafts = append(drafts, d)
	}
	return drafts, broken, nil
}

func (s *Sealer) broken(ctx context.Context, p Span, err error) {
	s.metrics.broken.Inc()
	s.cfg.Log.ErrorContext(ctx, "a log has a hole or an entry that can't be written down, and is not sealed further",
		slog.String("conversation", string(p.Conversation)), slog.Uint64("after", p.After), slog.Any("err", err))
}

// extend chains entries to what is sealed.
func extend(st Standing, members []Member, fresh []chat.Entry) (draft, error) {
	d := draft{last: st.Last, entries: st.Last.Entries, head: st.Last.Head, fresh: fresh, members: members}
	d.last.Conversation = string(st.Conversation)
	if st.Last.Seal == 0 {
		_, head, err := founding(st, members).Encode()
		if err != nil {
			return d, err
		}
		d.head = head
	}
	for _, e := range fresh {
		if e.Seq != d.entries+1 {
			return d, nil
		}
		_, head, err := line(e, d.head).Encode()
		if err != nil {
			return d, err
		}
		d.entries, d.head = e.Seq, head
	}
	return d, nil
}

// founding is the first line of a conversation's transcript.
func founding(st Standing, members []Member) chain.Founding {
	f := chain.Founding{Format: chain.TranscriptFormat, Conversation: string(st.Conversation), Opened: st.Opened.UTC(),
		Members: make([]chain.Person, len(members))}
	for i, m := range members {
		f.Members[i] = chain.Person{User: string(m.User), Role: string(m.Role)}
	}
	return f
}

// line is an entry's line.
func line(e chat.Entry, prev chain.Hash) chain.Entry {
	return chain.Entry{Seq: e.Seq, Prev: prev, Sender: string(e.Sender), CID: string(e.CID), Time: e.Time.UTC(), Type: e.Type, Sealed: e.Sealed}
}

func unsealed(drafts []draft) []Unsealed {
	var all []Unsealed
	for _, d := range drafts {
		for _, e := range d.fresh {
			all = append(all, Unsealed{Conversation: e.Conversation, Seq: e.Seq, Sender: e.Sender, Type: e.Type, Time: e.Time, Members: d.members})
		}
	}
	return all
}

// commit puts the drafts into the next tree. Where another node made that one, it goes into the one after.
func (s *Sealer) commit(ctx context.Context, drafts []draft) error {
	err := ErrTree
	for i := 0; i < tries && errors.Is(err, ErrTree); i++ {
		if i > 0 {
			s.metrics.races.Inc()
		}
		var last, t Tree
		if last, err = s.store.Tree(ctx, 0); err != nil {
			return err
		}
		if t, err = s.grow(ctx, last.SignedTree, drafts); err != nil {
			return err
		}
		err = s.store.Commit(ctx, t)
	}
	if err != nil {
		return err
	}
	s.metrics.sealed(drafts, s.cfg.Now())
	return nil
}

// grow makes the tree after last.
func (s *Sealer) grow(ctx context.Context, last chain.SignedTree, drafts []draft) (Tree, error) {
	now := s.cfg.Now().UTC().Truncate(time.Microsecond)
	if now.Before(last.Time) { // by another node's clock
		now = last.Time.UTC()
	}
	t := Tree{Hashes: make([]chain.Hash, len(drafts)), Seals: make([]Seal, len(drafts))}
	t.Number, t.Leaves, t.Time = last.Number+1, uint64(len(drafts)), now
	if last.Number > 0 {
		t.Prev = last.Hash()
	}
	for i, d := range drafts {
		seal := chain.Seal{Conversation: d.last.Conversation, Seal: d.last.Seal + 1, Entries: d.entries, Head: d.head, Tree: t.Number, Time: now}
		var err error
		if d.last.Seal > 0 {
			if _, seal.Prev, err = d.last.Encode(); err != nil {
				return t, err
			}
		}
		if _, t.Hashes[i], err = seal.Encode(); err != nil {
			return t, err
		}
		t.Seals[i] = Seal{Seal: seal, Leaf: uint64(i)}
	}
	t.Root = chain.Root(t.Hashes)
	return s.sign(ctx, t)
}

// sign asks again when the key is rotated between the two questions.
func (s *Sealer) sign(ctx context.Context, t Tree) (Tree, error) {
	for range tries {
		pub, err := s.signer.PublicKey(ctx)
		if err != nil {
			return t, fmt.Errorf("sign tree: %w", err)
		}
		sig, err := s.signer.Sign(ctx, t.Message())
		if err != nil {
			return t, fmt.Errorf("sign tree: %w", err)
		}
		if sig.Key == chain.PublicKeyID(pub) {
			t.Key, t.Signature, t.PublicKey = sig.Key, sig.Bytes, pub
			return t, nil
		}
	}
	return t, errors.New("sign tree: the signing key does not stay the same")
}
