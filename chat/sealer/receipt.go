package sealer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Doors is who may come in: chat.Service. Receipts are for members.
type Doors interface {
	Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
}

// Receipts gives members receipts. Any goroutine may call it.
type Receipts struct {
	s     *Sealer
	doors Doors
}

// Receipts puts what gives receipts behind the doors.
func (s *Sealer) Receipts(doors Doors) Receipts { return Receipts{s, doors} }

var errUnsealed = policy.ErrUnavailable.With("The conversation is sealed in a moment. Ask again then.", "会话即将封存，请稍后再试。")

// Receipt returns the last seal of the conversation with its proof to a member (E6).
func (r Receipts) Receipt(ctx context.Context, p identity.Principal, f wire.ChatReceiptGet) (wire.ChatReceipt, error) {
	id := chat.ConversationID(f.Conversation)
	if _, err := r.doors.Enter(ctx, p, identity.ConversationRead, id); err != nil {
		return wire.ChatReceipt{}, err
	}
	st, err := r.s.standing(ctx, id)
	if err != nil {
		return wire.ChatReceipt{}, err
	}
	if st.Last.Seal == 0 {
		r.s.mark(id)
		return wire.ChatReceipt{}, errUnsealed.After(r.s.cfg.Every)
	}
	_, proven, err := r.s.proven(ctx, id, st.Last)
	if err != nil {
		return wire.ChatReceipt{}, err
	}
	return onWire(chain.NewReceipt(st.Last, proven)), nil
}

// standing is one conversation's, or policy.ErrNotFound.
func (s *Sealer) standing(ctx context.Context, id chat.ConversationID) (Standing, error) {
	all, err := s.store.Standings(ctx, []chat.ConversationID{id})
	if err != nil {
		return Standing{}, fmt.Errorf("look at conversation: %w", err)
	}
	if len(all) == 0 {
		return Standing{}, policy.ErrNotFound
	}
	return all[0], nil
}

// errTree says that the database lost or changed what was committed.
var errTree = errors.New("sealer: the tree does not hold the seal")

// proven reads the tree that holds the seal, with the proof of it.
func (s *Sealer) proven(ctx context.Context, id chat.ConversationID, last chain.Seal) (Seal, chain.ProvenTree, error) {
	seals, err := s.store.Seals(ctx, id, last.Seal-1, 1)
	if err != nil {
		return Seal{}, chain.ProvenTree{}, fmt.Errorf("read seal: %w", err)
	}
	t, err := s.store.Tree(ctx, last.Tree)
	if err != nil {
		return Seal{}, chain.ProvenTree{}, fmt.Errorf("read tree: %w", err)
	}
	if len(seals) == 0 || seals[0].Leaf >= uint64(len(t.Hashes)) {
		return Seal{}, chain.ProvenTree{}, fmt.Errorf("seal %d of %s: %w", last.Seal, id, errTree)
	}
	return seals[0], chain.ProvenTree{SignedTree: t.SignedTree, Leaf: seals[0].Leaf,
		Proof: chain.Proof(t.Hashes, int(seals[0].Leaf)), PublicKey: t.PublicKey}, nil
}

func onWire(r chain.Receipt) wire.ChatReceipt {
	w := wire.ChatReceipt{
		Conversation: r.Conversation, Seal: r.Seal, Prev: r.Prev.String(), Entries: r.Entries, Head: r.Head.String(), Tree: r.Tree,
		Before: r.Before.String(), Root: r.Root.String(), Proof: make([]string, len(r.Proof)), Leaf: r.Leaf, Leaves: r.Leaves,
		Time: r.Time.UTC().Truncate(time.Microsecond), Key: string(r.Key), Signature: r.Signature,
	}
	for i, h := range r.Proof {
		w.Proof[i] = h.String()
	}
	return w
}
