package chain

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Receipt is a seal with all that proves it, as a participant keeps it: it can be held against a transcript and against
// the list of trees later (E6).
type Receipt struct {
	Conversation string    `json:"conversation"`
	Seal         uint64    `json:"seal"`
	Prev         Hash      `json:"prev"`
	Entries      uint64    `json:"entries"`
	Head         Hash      `json:"head"`
	Tree         uint64    `json:"tree"`
	Before       Hash      `json:"before"` // hash of the tree before
	Root         Hash      `json:"root"`
	Leaf         uint64    `json:"leaf"`
	Leaves       uint64    `json:"leaves"`
	Proof        []Hash    `json:"proof"`
	Time         time.Time `json:"time"`
	Key          KeyID     `json:"key"`
	Signature    []byte    `json:"signature"`
}

// NewReceipt puts a receipt together.
func NewReceipt(s Seal, t ProvenTree) Receipt {
	return Receipt{
		Conversation: s.Conversation, Seal: s.Seal, Prev: s.Prev, Entries: s.Entries, Head: s.Head, Tree: t.Number, Before: t.Prev,
		Root: t.Root, Leaf: t.Leaf, Leaves: t.Leaves, Proof: t.Proof, Time: t.Time, Key: t.Key, Signature: t.Signature,
	}
}

// Sealed is the seal that the receipt proves.
func (r Receipt) Sealed() Seal {
	return Seal{Conversation: r.Conversation, Seal: r.Seal, Prev: r.Prev, Entries: r.Entries, Head: r.Head, Tree: r.Tree, Time: r.Time}
}

// Signed is the tree that the seal is in.
func (r Receipt) Signed() SignedTree {
	return SignedTree{Tree: Tree{Number: r.Tree, Prev: r.Before, Root: r.Root, Leaves: r.Leaves, Time: r.Time}, Key: r.Key, Signature: r.Signature}
}

// ErrNotInTree says that the tree that was signed does not hold the seal.
var ErrNotInTree = errors.New("chain: the signed tree does not hold this")

// Verify says whether the receipt is what the key's holder signed: nil, or why not.
func (r Receipt) Verify(pub ed25519.PublicKey) error {
	if err := r.Signed().Verify(pub); err != nil {
		return err
	}
	return holds(r.Sealed(), r.Root, r.Leaf, r.Leaves, r.Proof)
}

// holds says whether the tree has the seal for a leaf.
func holds(s Seal, root Hash, i, leaves uint64, proof []Hash) error {
	_, leaf, err := s.Encode()
	if err != nil {
		return err
	}
	got, err := Prove(leaf, i, leaves, proof)
	if err != nil {
		return err
	}
	if got != root {
		return ErrNotInTree
	}
	return nil
}

// ParseReceipts reads what a participant kept: one receipt, a list of them, or the frame or file of a client that has
// them in "body" or "receipts". Fields that a receipt does not have are passed over.
func ParseReceipts(b []byte) ([]Receipt, error) {
	var list []Receipt
	if json.Unmarshal(b, &list) == nil && len(list) > 0 {
		return list, nil
	}
	var one struct {
		Receipt
		Body     *Receipt  `json:"body"`
		Receipts []Receipt `json:"receipts"`
	}
	if err := json.Unmarshal(b, &one); err != nil {
		return nil, fmt.Errorf("chain: read receipts: %w", err)
	}
	switch {
	case len(one.Receipts) > 0:
		return one.Receipts, nil
	case one.Body != nil && one.Body.Signature != nil:
		return []Receipt{*one.Body}, nil
	case one.Signature != nil:
		return []Receipt{one.Receipt}, nil
	}
	return nil, errors.New("chain: it holds no receipt")
}
