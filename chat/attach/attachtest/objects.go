package attachtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"parley/storage/object"
)

// Objects is a bucket that forgets when the process ends. The zero value is empty and ready.
type Objects struct {
	mu  sync.Mutex
	all map[object.Key][]byte
}

var _ object.Bucket = (*Objects)(nil)

// Put implements [object.Bucket].
func (o *Objects) Put(ctx context.Context, key object.Key, body []byte) error {
	return o.PutFile(ctx, key, bytes.NewReader(body), int64(len(body)))
}

// PutFile implements [object.Bucket].
func (o *Objects) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return err
	}
	body, err := io.ReadAll(io.NewSectionReader(r, 0, size+1))
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	if int64(len(body)) != size {
		return fmt.Errorf("put %s: body has %d bytes, not %d", key, len(body), size)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if old, ok := o.all[key]; ok && !bytes.Equal(old, body) {
		return object.ErrConflict
	}
	if o.all == nil {
		o.all = map[object.Key][]byte{}
	}
	o.all[key] = body
	return nil
}

func (o *Objects) find(ctx context.Context, key object.Key) ([]byte, error) {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.all[key]
	if !ok {
		return nil, object.ErrNotFound
	}
	return body, nil
}

// Get implements [object.Bucket].
func (o *Objects) Get(ctx context.Context, key object.Key, offset, length int64) (io.ReadCloser, error) {
	body, err := o.find(ctx, key)
	if err != nil {
		return nil, err
	}
	size := int64(len(body))
	if length < 0 {
		length = size - offset
	}
	if offset < 0 || length < 0 || offset > size-length {
		return nil, object.ErrRange
	}
	return io.NopCloser(bytes.NewReader(body[offset : offset+length])), nil
}

// Stat implements [object.Bucket].
func (o *Objects) Stat(ctx context.Context, key object.Key) (object.Info, error) {
	body, err := o.find(ctx, key)
	if err != nil {
		return object.Info{}, err
	}
	return object.Info{Key: key, Size: int64(len(body)), SHA256: sha256.Sum256(body)}, nil
}

// List implements [object.Bucket].
func (o *Objects) List(ctx context.Context, prefix object.Key, f func(object.Info) error) error {
	o.mu.Lock()
	keys := slices.Sorted(maps.Keys(o.all))
	o.mu.Unlock()
	for _, key := range keys {
		if !strings.HasPrefix(string(key), string(prefix)) {
			continue
		}
		info, err := o.Stat(ctx, key)
		if errors.Is(err, object.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := f(info); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements [object.Bucket].
func (o *Objects) Delete(ctx context.Context, key object.Key) error {
	if err := errors.Join(ctx.Err(), key.Check()); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, key)
	return nil
}
