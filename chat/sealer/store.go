package sealer

import (
	"context"
	"errors"
	"time"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
)

// Errors of [Store.Commit]. Nothing was stored then.
var (
	// ErrTree says that another node committed a tree of that number.
	ErrTree = errors.New("sealer: there is a tree of that number")
	// ErrSealed says that another node sealed one of the conversations.
	ErrSealed = errors.New("sealer: there is a seal of that number")
)

// Store keeps seals and trees beside the log. Any goroutine may call it. The conformance suite is sealertest.Store.
type Store interface {
	// Standings says of each of the conversations how far it got and how far it is sealed, in no order; those that do not exist
	// are left out.
	Standings(ctx context.Context, ids []chat.ConversationID) ([]Standing, error)
	// Members says who is in the conversations, in the order of opening. It never changes.
	Members(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]Member, error)
	// Entries returns the entries of all spans, those of one conversation ascending.
	Entries(ctx context.Context, spans []Span) ([]chat.Entry, error)
	// Behind looks at up to limit conversations whose id is greater than after, in the order of ids, and returns those of them
	// that have entries after their last seal, with the last id it looked at, which is empty when there were no more.
	Behind(ctx context.Context, after chat.ConversationID, limit int) (ids []chat.ConversationID, last chat.ConversationID, err error)
	// Commit stores the tree with its seals in one transaction, durable on return: [ErrTree], [ErrSealed]. After any other error
	// the outcome is unknown: all of it was stored, or nothing.
	Commit(ctx context.Context, t Tree) error
	Archive
}

// Archive reads what was committed.
type Archive interface {
	// Tree returns the tree of that number; the last one for 0. Where there is none, the zero tree. Seals are left out.
	Tree(ctx context.Context, number uint64) (Tree, error)
	// Trees returns the trees after a number, ascending, at most limit, without hashes and seals.
	Trees(ctx context.Context, after uint64, limit int) ([]Tree, error)
	// Seals returns seals of the conversation after a number, ascending, at most limit.
	Seals(ctx context.Context, id chat.ConversationID, after uint64, limit int) ([]Seal, error)
}

type (
	// Tree is a tree as it is stored. Hashes are its leaves, in the order of its seals.
	Tree struct {
		chain.SignedTree
		PublicKey []byte // that verifies the signature, also when the key was rotated since
		Hashes    []chain.Hash
		Seals     []Seal
	}

	// Seal is a seal with its place in its tree.
	Seal struct {
		chain.Seal
		Leaf uint64
	}

	// Standing is a conversation as the sealer sees it. Last is its last seal, zero when there is none.
	Standing struct {
		Conversation chat.ConversationID
		Opened       time.Time
		Head         chat.Seq
		Last         chain.Seal
	}

	// Member is one side of a conversation.
	Member struct {
		User identity.UserID
		Role identity.Role
	}

	// Span is the entries After < seq ≤ To of a conversation.
	Span struct {
		Conversation chat.ConversationID
		After, To    chat.Seq
	}
)
