package object

import (
	"context"
	"errors"
	"io"
)

// Errors every Bucket returns, possibly wrapped.
var (
	// ErrNotFound says that no object has the key.
	ErrNotFound = errors.New("object: not found")
	// ErrConflict says that the key already names other bytes.
	ErrConflict = errors.New("object: key names other bytes")
	// ErrFull says that the store has no room; what was there is untouched.
	ErrFull = errors.New("object: store is full")
)

// Key names an object: 1 to 200 bytes of [a-z0-9/._-], no empty, "." or ".." segment. Keys outlive erasure, so they
// must say nothing of a person.
type Key string

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
	Get(ctx context.Context, key Key, offset, length int64) (io.ReadCloser, error)
	Stat(ctx context.Context, key Key) (Info, error)
	// List calls f for each object below the prefix in ascending key order until it returns an error.
	List(ctx context.Context, prefix Key, f func(Info) error) error
	// Delete removes the object; one that is not there is no error.
	Delete(ctx context.Context, key Key) error
}
