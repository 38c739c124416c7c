package attach_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"

	"parley/chat/attach"
	"parley/storage/object"
)

// changed is a store that changes what it gives.
type changed struct {
	object.Bucket
	change func(key object.Key, offset int64, b []byte) (object.Key, []byte)
}

// Get implements object.Bucket.
func (c *changed) Get(ctx context.Context, key object.Key, offset, length int64) (io.ReadCloser, error) {
	other, _ := c.change(key, offset, nil)
	r, err := c.Bucket.Get(ctx, other, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	_, b = c.change(key, offset, b)
	return io.NopCloser(bytes.NewReader(b)), nil
}

// damages are what may go wrong with an object of several blocks.
func damages(other object.Key) map[string]func(object.Key, int64, []byte) (object.Key, []byte) {
	const block = 64<<10 + 16
	return map[string]func(object.Key, int64, []byte) (object.Key, []byte){
		"a bit flipped": func(k object.Key, _ int64, b []byte) (object.Key, []byte) {
			if b != nil {
				b[len(b)/2] ^= 1
			}
			return k, b
		},
		"another object": func(_ object.Key, _ int64, b []byte) (object.Key, []byte) { return other, b },
		"two blocks exchanged": func(k object.Key, _ int64, b []byte) (object.Key, []byte) {
			if len(b) >= 2*block {
				b = append(append(append([]byte(nil), b[block:2*block]...), b[:block]...), b[2*block:]...)
			}
			return k, b
		},
		"cut short": func(k object.Key, _ int64, b []byte) (object.Key, []byte) { return k, b[:max(0, len(b)-block)] },
	}
}

func readContent(w *world, id attach.ID) ([]byte, error) {
	c, err := w.Stored(w.t.Context(), id)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

func unmarshal(t testing.TB, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}
