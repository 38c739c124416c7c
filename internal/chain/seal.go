package chain

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

type (
	// Seal says what a conversation's log was when it was sealed: so many entries, whose chain ends in Head. Its line is a
	// leaf of the tree of that moment, and names the leaf of the conversation's seal before: the last one names them all.
	Seal struct {
		Conversation string    `json:"conversation"`
		Seal         uint64    `json:"seal"`    // of the conversation, dense from 1
		Prev         Hash      `json:"prev"`    // leaf of the seal before, zero before the first
		Entries      uint64    `json:"entries"` // seq of the last one that is sealed
		Head         Hash      `json:"head"`
		Tree         uint64    `json:"tree"` // the tree that it is a leaf of
		Time         time.Time `json:"time"` // of that tree
	}

	// Tree is the statement that is signed: the root over the seals of one moment, after which other tree. Trees are one chain
	// over all conversations and nodes.
	Tree struct {
		Number uint64    `json:"number"` // dense from 1
		Prev   Hash      `json:"prev"`   // hash of the tree before, zero before the first
		Root   Hash      `json:"root"`
		Leaves uint64    `json:"leaves"`
		Time   time.Time `json:"time"` // never before that of the tree before
	}

	// SignedTree is one line of the list of trees.
	SignedTree struct {
		Tree
		Key       KeyID  `json:"key"`
		Signature []byte `json:"signature"`
	}

	// ProvenTree is the content of tree.json: the tree that holds a bundle's last seal, where in it, and the key that signed.
	ProvenTree struct {
		SignedTree
		Leaf      uint64 `json:"leaf"`
		Proof     []Hash `json:"proof"`
		PublicKey []byte `json:"public_key"`
	}
)

// Encode is the line of the seal without its newline, and its leaf.
func (s Seal) Encode() ([]byte, Hash, error) {
	line, _, err := encodeLink(s.Prev, s, s.Conversation)
	return line, Leaf(line), err
}

// ParseSeal reads a line of seals.
func ParseSeal(line []byte) (Seal, error) {
	s, err := parse[Seal](line)
	if err == nil && (s.Seal == 0 || s.Tree == 0 || !inUTC(s.Time)) {
		err = ErrMalformed
	}
	return s, err
}

// Message is what the signature of a tree covers.
func (t Tree) Message() []byte {
	return []byte("parley chat tree v1\n" + strconv.FormatUint(t.Number, 10) + "\n" + t.Prev.String() + "\n" + t.Root.String() + "\n" +
		strconv.FormatUint(t.Leaves, 10) + "\n" + t.Time.UTC().Format(time.RFC3339Nano) + "\n")
}

// Hash is what the next tree names as the one before.
func (t Tree) Hash() Hash { return Next(t.Prev, sha256.Sum256(t.Message())) }

// Verify checks the signature: nil, or why not ([ErrWrongKey], [ErrBadSignature]).
func (t SignedTree) Verify(pub ed25519.PublicKey) error {
	return Verify(pub, t.Message(), Signature{Key: t.Key, Bytes: t.Signature})
}

// Encode is the line of the tree without its newline.
func (t SignedTree) Encode() ([]byte, error) { return encodeTree(t) }

// Encode is the line of the tree without its newline.
func (t ProvenTree) Encode() ([]byte, error) { return encodeTree(t) }

func encodeTree(v any) ([]byte, error) {
	line, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("chain: encode tree: %w", err)
	}
	return line, nil
}

// ParseTree reads a line of the list of trees.
func ParseTree(line []byte) (SignedTree, error) {
	t, err := parse[SignedTree](line)
	if err == nil && (t.Number == 0 || !inUTC(t.Time)) {
		err = ErrMalformed
	}
	return t, err
}

// ParseProvenTree reads tree.json without its newline.
func ParseProvenTree(line []byte) (ProvenTree, error) {
	t, err := parse[ProvenTree](line)
	if err == nil && (t.Number == 0 || !inUTC(t.Time)) {
		err = ErrMalformed
	}
	return t, err
}

// inUTC says whether the time is written in UTC: another zone would be another form of what is signed.
func inUTC(t time.Time) bool { return t.Location() == time.UTC }
