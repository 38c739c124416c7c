package recordingtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"sync"

	"parley/storage/object"
)

// MemoryBucket is an [object.Bucket] in memory with what recordings use of one. Fault, when set, is asked before each
// PutFile; Wrong makes Stat give another hash, as a store that lost bytes would. Before, when set, is called before
// anything is done; it may wait, and an error of it is the answer. Locked makes Delete refuse.
type MemoryBucket struct {
	object.Bucket // nil: what is not overridden panics, so that a test sees that it is used

	Fault func(object.Key) Fault
	Wrong bool

	Before func(ctx context.Context, call Call, key object.Key) error
	Locked bool

	mu      sync.Mutex
	objects map[object.Key][]byte
}

// Key is the name of an object.
type Key = object.Key

// Call is a method of a bucket.
type Call string

// The calls that recordings make.
const (
	Put    Call = "put"
	Get    Call = "get"
	Stat   Call = "stat"
	Delete Call = "delete"
)

func (m *MemoryBucket) before(ctx context.Context, c Call, key object.Key) error {
	if m.Before == nil {
		return ctx.Err()
	}
	return errors.Join(m.Before(ctx, c, key), ctx.Err())
}

// NewBucket makes an empty one.
func NewBucket() *MemoryBucket { return &MemoryBucket{objects: map[object.Key][]byte{}} }

// PutFile implements [object.Bucket].
func (m *MemoryBucket) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	if err := m.before(ctx, Put, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	fault := None
	if m.Fault != nil {
		fault = m.Fault(key)
	}
	if fault == Fails {
		return ErrInjected
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), body); err != nil {
		return err
	}
	if old, ok := m.objects[key]; ok && !bytes.Equal(old, body) {
		return object.ErrConflict
	}
	m.objects[key] = body
	if fault == FailsButPersisted {
		return ErrInjected
	}
	return nil
}

// Get implements [object.Bucket] for whole objects.
func (m *MemoryBucket) Get(ctx context.Context, key object.Key, offset, _ int64) (io.ReadCloser, error) {
	if err := m.before(ctx, Get, key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.objects[key]
	if !ok {
		return nil, object.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(body[offset:])), nil
}

// Stat implements [object.Bucket].
func (m *MemoryBucket) Stat(ctx context.Context, key object.Key) (object.Info, error) {
	if err := m.before(ctx, Stat, key); err != nil {
		return object.Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.objects[key]
	if !ok {
		return object.Info{}, object.ErrNotFound
	}
	i := object.Info{Key: key, Size: int64(len(body)), SHA256: sha256.Sum256(body)}
	if m.Wrong {
		i.SHA256[0] ^= 1
	}
	return i, nil
}

// Delete implements [object.Bucket].
func (m *MemoryBucket) Delete(ctx context.Context, key object.Key) error {
	if err := m.before(ctx, Delete, key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Locked {
		return object.ErrLocked
	}
	delete(m.objects, key)
	return nil
}

// Clone copies the objects as they are.
func (m *MemoryBucket) Clone() *MemoryBucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &MemoryBucket{objects: maps.Clone(m.objects)}
}

// Object gives an object's bytes, which the caller must not change; nil when there is none.
func (m *MemoryBucket) Object(key object.Key) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[key]
}

// Keys are the keys of all objects.
func (m *MemoryBucket) Keys() []object.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []object.Key
	for k := range m.objects {
		keys = append(keys, k)
	}
	return keys
}
