package recordingtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"sync"

	"parley/storage/object"
)

// MemoryBucket is an [object.Bucket] in memory with what recordings use of one. Fault, when set, is asked before each
// PutFile; Wrong makes Stat give another hash, as a store that lost bytes would.
type MemoryBucket struct {
	object.Bucket // nil: what is not overridden panics, so that a test sees that it is used

	Fault func(object.Key) Fault
	Wrong bool

	mu      sync.Mutex
	objects map[object.Key][]byte
}

// NewBucket makes an empty one.
func NewBucket() *MemoryBucket { return &MemoryBucket{objects: map[object.Key][]byte{}} }

// PutFile implements [object.Bucket].
func (m *MemoryBucket) PutFile(_ context.Context, key object.Key, r io.ReaderAt, size int64) error {
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
func (m *MemoryBucket) Get(_ context.Context, key object.Key, offset, _ int64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.objects[key]
	if !ok {
		return nil, object.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(body[offset:])), nil
}

// Stat implements [object.Bucket].
func (m *MemoryBucket) Stat(_ context.Context, key object.Key) (object.Info, error) {
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
