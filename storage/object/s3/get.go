package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"parley/storage/object"
)

// Stat implements [object.Bucket].
func (b *Bucket) Stat(ctx context.Context, key object.Key) (info object.Info, err error) {
	bucket, err := b.locate(ctx, key)
	if err == nil {
		err = b.again(ctx, func(ctx context.Context) error {
			v, _, err := b.first(ctx, bucket, key)
			if err != nil {
				return err
			}
			s, err := b.head(ctx, v)
			info = s.Info
			return err
		})
	}
	if err != nil {
		return object.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return info, nil
}

// Get implements [object.Bucket]. What is read whole is held against its checksum. A store that stops in the middle is
// an error of the reader's, at the latest when the time for that many bytes is over.
func (b *Bucket) Get(ctx context.Context, key object.Key, offset, length int64) (r io.ReadCloser, err error) {
	if b.unproven.Load() {
		return nil, fmt.Errorf("get %s: %w", key, ErrUnproven)
	}
	return b.get(ctx, key, offset, length)
}

// get is Get for the canary, too.
func (b *Bucket) get(ctx context.Context, key object.Key, offset, length int64) (r io.ReadCloser, err error) {
	bucket, err := b.find(ctx, key)
	if err == nil {
		err = b.again(ctx, func(ctx context.Context) error {
			v, size, err := b.first(ctx, bucket, key)
			if err != nil {
				return err
			}
			to := length
			if to < 0 {
				to = size - offset
			}
			if offset < 0 || to < 0 || offset > size-to {
				return object.ErrRange
			}
			r, err = b.open(ctx, v, offset, to, to == size)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return r, nil
}

// open begins to read a range that is within the version.
func (b *Bucket) open(ctx context.Context, v version, offset, length int64, whole bool) (io.ReadCloser, error) {
	if length == 0 && !whole {
		return io.NopCloser(bytes.NewReader(nil)), nil // HTTP has no empty range
	}
	opts := minio.GetObjectOptions{VersionID: v.id}
	opts.Set("X-Amz-Checksum-Mode", "ENABLED")
	if !whole {
		if err := opts.SetRange(offset, offset+length-1); err != nil {
			return nil, err
		}
	}
	within, cancel := context.WithTimeout(ctx, b.patience.forBody(length))
	began := time.Now()
	body, info, _, err := b.reader.GetObject(within, v.bucket, objectName(v.key), opts)
	err = plain(ctx, err)
	b.metrics.saw(opGet, time.Since(began), err)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &reading{ctx: ctx, cancel: cancel, body: body, left: length}
	if whole {
		r.hash = sha256.New()
		r.sum, err = checksum(info)
	}
	if err == nil && info.Size != length {
		err = fmt.Errorf("%w: %d bytes came for %d", object.ErrDamaged, info.Size, length)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// reading is a body that must be as long as was asked for and, where it is whole, have its checksum.
type reading struct {
	ctx    context.Context
	cancel context.CancelFunc
	body   io.ReadCloser
	left   int64
	hash   hash.Hash // nil: a part
	sum    [32]byte
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.left -= int64(n)
	if r.hash != nil {
		r.hash.Write(p[:n])
	}
	switch {
	case errors.Is(err, io.EOF) && r.left == 0:
		if r.hash != nil && [32]byte(r.hash.Sum(nil)) != r.sum {
			return n, object.ErrDamaged
		}
		return n, io.EOF
	case err != nil:
		return n, plain(r.ctx, err)
	}
	return n, nil
}

func (r *reading) Close() error {
	defer r.cancel()
	return r.body.Close()
}
