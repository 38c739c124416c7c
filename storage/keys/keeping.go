package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"time"
)

// ErrForeignRoot says that the root key is not one by which this vault is wrapped.
var ErrForeignRoot = errors.New("keys: root key does not belong to this vault")

// ErrSucceeded says that a later root key was admitted, so that the one at hand may not rotate any more.
var ErrSucceeded = errors.New("keys: another root key was admitted after this one")

// Root is the key above all others. It wraps the secrets of a vault's generations and is itself kept elsewhere. Any
// goroutine may call it.
type Root interface {
	// ID tells root keys apart without telling anything about them. It stays the same as long as the key does.
	ID() string
	// String says where the key comes from, for errors; never the key nor a credential.
	String() string
	// Wrap seals a secret, bound to a text that Unwrap must be given as well.
	Wrap(ctx context.Context, secret Key, bound string) ([]byte, error)
	Unwrap(ctx context.Context, wrapped []byte, bound string) (Key, error)
}

// PublicKey is a signing key as others need it: whoever checks a head takes the key that the head names.
type PublicKey struct {
	Key   ed25519.PublicKey
	Since time.Time // zero: from the vault's beginning
	Until time.Time // zero: it signs today; otherwise no node signs with it after that moment
}

// Generation is a secret of the vault by which keys are wrapped. More than one is there only while, or after, a
// rotation was cut short.
type Generation struct {
	Number uint32
	Roots  []string // ids of the root keys that open it, the one admitted last at the end
	Keys   int      // data keys and tombstones wrapped by it
}

// Rotator changes the keys above the data keys while the vault is in use.
type Rotator interface {
	// RotateRoot makes a new generation that only the root key at hand opens, wraps everything by it and destroys the
	// former ones. It may fail or be killed at any point: the vault stays whole, and the next call goes on from there.
	// ErrSucceeded if another root key was admitted later.
	RotateRoot(ctx context.Context) error
	// Admit lets a vault be opened with another root key as well, until RotateRoot is called by a vault that was opened
	// with it. So a root key is changed in three steps: admit the next one, restart every node with it, rotate.
	// Admitting the root key at hand takes an earlier Admit back.
	Admit(ctx context.Context, next Root) error
	// Generations lists what RotateRoot works on, the oldest first.
	Generations(ctx context.Context) ([]Generation, error)
	// RotateSigning makes a new signing key and destroys the private half of the one that signed.
	RotateSigning(ctx context.Context) error
	// PublicKeys lists all signing keys there ever were, the oldest first.
	PublicKeys(ctx context.Context) ([]PublicKey, error)
}

// Eraser keeps erasure from being undone by the restore of an older backup (L1): what was destroyed is written to a
// ledger that is kept outside of the vault, and buried again before a restored system serves.
type Eraser interface {
	// ExportTombstones writes a line for every key destroyed at or after since, and says how many. Lines hold keyed
	// hashes and the moment, and are authenticated; they may be appended to those of other exports, repeats included.
	ExportTombstones(ctx context.Context, w io.Writer, since time.Time) (int, error)
	// ReplayTombstones destroys the keys that a ledger lists and says how many lines it followed. A line that is cut,
	// changed or of another vault is passed over and makes the call fail after all others were followed; a system
	// that it failed for must not serve.
	ReplayTombstones(ctx context.Context, ledger io.Reader) (int, error)
}
