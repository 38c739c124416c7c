package objecttest

import (
	"context"
	"io"

	"parley/storage/object"
)

// under is a bucket whose keys all begin the same.
type under struct {
	object.Bucket
	prefix object.Key
}

func (u under) Put(ctx context.Context, key object.Key, body []byte) error {
	return u.Bucket.Put(ctx, u.prefix+key, body)
}

func (u under) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	return u.Bucket.PutFile(ctx, u.prefix+key, r, size)
}

func (u under) Get(ctx context.Context, key object.Key, offset, length int64) (io.ReadCloser, error) {
	return u.Bucket.Get(ctx, u.prefix+key, offset, length)
}

func (u under) Stat(ctx context.Context, key object.Key) (object.Info, error) {
	info, err := u.Bucket.Stat(ctx, u.prefix+key)
	return u.without(info), err
}

func (u under) List(ctx context.Context, prefix object.Key, f func(object.Info) error) error {
	return u.Bucket.List(ctx, u.prefix+prefix, func(i object.Info) error { return f(u.without(i)) })
}

func (u under) Delete(ctx context.Context, key object.Key) error {
	return u.Bucket.Delete(ctx, u.prefix+key)
}

func (u under) without(i object.Info) object.Info {
	i.Key = i.Key[min(len(i.Key), len(u.prefix)):]
	return i
}
