package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"parley/storage/object"
)

// MaxSize is the largest object: one PUT, since only that has one checksum of the whole and comes into being at once.
const MaxSize = 5 << 30

// Put implements [object.Bucket].
func (b *Bucket) Put(ctx context.Context, key object.Key, body []byte) error {
	return b.PutFile(ctx, key, bytes.NewReader(body), int64(len(body)))
}

// PutFile implements [object.Bucket]. The reader is read twice or more.
func (b *Bucket) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	bucket, err := b.locate(ctx, key)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	sum, err := digest(ctx, r, size)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	u := upload{bucket, object.Info{Key: key, Size: size, SHA256: sum}, r}
	if err := b.again(ctx, func(ctx context.Context) error { return b.put(ctx, u) }); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// upload is an object on its way.
type upload struct {
	bucket string
	object.Info
	body io.ReaderAt
}

// put makes one attempt: afterwards the reader has seen the version that holds these bytes, under lock.
func (b *Bucket) put(ctx context.Context, u upload) error {
	id, err := b.send(ctx, b.writer, u, minio.PutObjectOptions{})
	switch status(err) {
	case http.StatusPreconditionFailed:
		return b.compare(ctx, u)
	case http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %w", object.ErrFull, err)
	}
	if err != nil {
		return err
	}
	seen, err := b.head(ctx, version{u.bucket, u.Key, id})
	if err != nil {
		return fmt.Errorf("look at the new version: %w", err)
	}
	if seen.Info != u.Info {
		return &Broken{Property: propKept, Found: "another size or checksum", Fix: fixStore}
	}
	return seen.underLock()
}

// send puts the body with its checksum, if the key is free, and returns the version's id.
func (b *Bucket) send(ctx context.Context, as *minio.Core, u upload, opts minio.PutObjectOptions) (id string, err error) {
	opts.SetMatchETagExcept("*")
	opts.UserMetadata = checksumHeader(u.SHA256)
	opts.DisableContentSha256 = true // sign the hash that is known, rather than chunk by chunk
	body := &source{SectionReader: io.NewSectionReader(u.body, 0, u.Size)}
	err = b.call(ctx, opPut, b.patience.forBody(u.Size), func(ctx context.Context) error {
		info, err := as.PutObject(ctx, u.bucket, objectName(u.Key), body, u.Size, "", hex.EncodeToString(u.SHA256[:]), opts)
		id = info.VersionID
		return err
	})
	if body.err != nil {
		return "", fmt.Errorf("read the body: %w", body.err)
	}
	if err == nil && (id == "" || id == "null") {
		err = &Broken{Property: propVersions, Found: "a put made no version", Fix: fixVersions}
	}
	return id, err
}

func checksumHeader(sum [32]byte) map[string]string {
	return map[string]string{"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:])}
}

// source remembers that reading failed here, not at the store.
type source struct {
	*io.SectionReader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.SectionReader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// compare holds what is at the key against what was to be put.
func (b *Bucket) compare(ctx context.Context, u upload) error {
	v, size, err := b.first(ctx, u.bucket, u.Key)
	if errors.Is(err, object.ErrNotFound) {
		return &lost{why: "it says that the key is taken, and then that it is not"}
	}
	if err != nil {
		return err
	}
	if size != u.Size {
		return object.ErrConflict
	}
	seen, err := b.head(ctx, v)
	if err != nil {
		return err
	}
	if seen.Info != u.Info {
		return object.ErrConflict
	}
	return seen.underLock()
}

// hashStep is how many bytes are hashed between two looks at the context.
const hashStep = 4 << 20

// digest hashes r, which must hold exactly size bytes.
func digest(ctx context.Context, r io.ReaderAt, size int64) (sum [32]byte, err error) {
	if size < 0 || size > MaxSize {
		return sum, fmt.Errorf("body of %d bytes: at most %d can be stored", size, int64(MaxSize))
	}
	h := sha256.New()
	for at := int64(0); at < size; at += hashStep {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		step := min(hashStep, size-at)
		n, err := io.Copy(h, io.NewSectionReader(r, at, step))
		if err != nil {
			return sum, err
		}
		if n < step {
			return sum, fmt.Errorf("body has %d bytes, not %d", at+n, size)
		}
	}
	n, err := r.ReadAt(make([]byte, 1), size)
	if n > 0 || err == nil {
		return sum, fmt.Errorf("body has more than %d bytes", size)
	}
	if !errors.Is(err, io.EOF) {
		return sum, fmt.Errorf("read to the end: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}
