package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Errors every Bucket returns, possibly wrapped.
var (
	// ErrNotFound says that no object has the key.
	ErrNotFound = errors.New("object: not found")
	// ErrConflict says that the key already names other bytes.
	ErrConflict = errors.New("object: key names other bytes")
	// ErrKey says that the key is not well formed.
	ErrKey = errors.New("object: key is not well formed")
	// ErrRange says that a range reaches beyond the object.
	ErrRange = errors.New("object: range beyond the end")
	// ErrLocked says that the store keeps the object until its lock ends and lets nobody delete it before.
	ErrLocked = errors.New("object: locked until its retention ends")
	// ErrDamaged says that what the store gave is not what was put.
	ErrDamaged = errors.New("object: damaged")
	// ErrFull says that the store has no room; what was there is untouched.
	ErrFull = errors.New("object: store is full")
)

// Key names an object: 1 to 200 bytes of [a-z0-9/._-], no empty, "." or ".." segment. Keys outlive erasure, so they
// must say nothing of a person.
type Key string

// MaxKey is the longest key in bytes.
const MaxKey = 200

// Check says whether the key is well formed: nil or [ErrKey].
func (k Key) Check() error {
	if k == "" || len(k) > MaxKey {
		return fmt.Errorf("%w: %d bytes", ErrKey, len(k))
	}
	for segment := range strings.SplitSeq(string(k), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w: segment %q", ErrKey, segment)
		}
	}
	return k.checkLetters()
}

// CheckPrefix says whether some key may begin so: the empty prefix, a key, or a part of one.
func (k Key) CheckPrefix() error {
	if len(k) > MaxKey {
		return fmt.Errorf("%w: %d bytes", ErrKey, len(k))
	}
	return k.checkLetters()
}

func (k Key) checkLetters() error {
	for i := range len(k) {
		c := k[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '/' || c == '-') {
			return fmt.Errorf("%w: byte %#x", ErrKey, c)
		}
	}
	return nil
}

// Info is what a store knows of an object.
type Info struct {
	Key    Key
	Size   int64
	SHA256 [32]byte
}

// Bucket stores immutable objects. Any goroutine may call it.
type Bucket interface {
	// Put stores the object and is durable on return. The same key and bytes succeed again; other bytes are
	// ErrConflict and change nothing. Any other error leaves the outcome unknown, and Put again is safe.
	Put(ctx context.Context, key Key, body []byte) error
	// PutFile is Put for what is too big for memory: it reads r to its end, which must be size bytes.
	PutFile(ctx context.Context, key Key, r io.ReaderAt, size int64) error
	// Get reads length bytes from offset (length < 0: to the end). A range beyond the end is an error.
	// Closing the reader is the caller's part. A store that can tell answers a damaged whole with ErrDamaged, from Get or
	// at the latest from the read that would have been the last.
	Get(ctx context.Context, key Key, offset, length int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key Key) (Info, error)
	// List calls f for each object whose key begins with the prefix, in ascending byte order of the keys, until f
	// returns an error, which it returns. Objects that come or go meanwhile may or may not be among them.
	List(ctx context.Context, prefix Key, f func(Info) error) error
	// Delete removes the object; one that is not there is no error. A store that keeps objects answers ErrLocked for each
	// that is there and changes nothing: they go by themselves when their lock ends.
	Delete(ctx context.Context, key Key) error
}
