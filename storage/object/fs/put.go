package fs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"parley/storage/object"
)

// trailerMagic ends every object's file.
const trailerMagic = "parley object 1\n"

const trailerSize = sha256.Size + len(trailerMagic)

// copyStep is how many bytes are copied between two looks at the context.
const copyStep = 4 << 20

// Put implements [object.Bucket].
func (b *Bucket) Put(ctx context.Context, key object.Key, body []byte) error {
	return b.PutFile(ctx, key, bytes.NewReader(body), int64(len(body)))
}

// PutFile implements [object.Bucket].
func (b *Bucket) PutFile(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	if err := b.put(ctx, key, r, size); err != nil {
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			b.full.Inc()
			err = fmt.Errorf("%w: %w", object.ErrFull, err)
		}
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func (b *Bucket) put(ctx context.Context, key object.Key, r io.ReaderAt, size int64) error {
	if err := b.usable(ctx, key); err != nil {
		return err
	}
	path := b.path(key)
	if _, err := os.Lstat(path); err == nil {
		return b.compare(ctx, path, r, size)
	}
	tmp, err := b.write(ctx, r, size)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	err = b.publish(tmp, path)
	if errors.Is(err, os.ErrExist) {
		return b.compare(ctx, path, r, size)
	}
	if err != nil {
		return err
	}
	b.written.Add(float64(size))
	return nil
}

// write makes a whole, durable file in tmp/ and returns its path.
func (b *Bucket) write(ctx context.Context, r io.ReaderAt, size int64) (_ string, err error) {
	f, err := os.CreateTemp(b.tmp(), "put-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	if err := copyAll(ctx, io.MultiWriter(b.disk.writer(f), sum), r, size); err != nil {
		return "", err
	}
	if _, err := b.disk.writer(f).Write(append(sum.Sum(nil), trailerMagic...)); err != nil {
		return "", err
	}
	return f.Name(), b.disk.sync(f)
}

// copyAll copies r, which must hold exactly size bytes.
func copyAll(ctx context.Context, w io.Writer, r io.ReaderAt, size int64) error {
	for at := int64(0); at < size; at += copyStep {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := min(copyStep, size-at)
		n, err := io.Copy(w, io.NewSectionReader(r, at, step))
		if err != nil {
			return err
		}
		if n < step {
			return fmt.Errorf("body has %d bytes, not %d", at+n, size)
		}
	}
	n, err := r.ReadAt(make([]byte, 1), size)
	switch {
	case n > 0 || err == nil:
		return fmt.Errorf("body has more than %d bytes", size)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("read to the end: %w", err)
	}
	return nil
}

// publish gives the file its name, if it is free, and makes the name durable.
func (b *Bucket) publish(tmp, path string) error {
	b.folders.RLock()
	defer b.folders.RUnlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := b.disk.link(tmp, path); err != nil {
		return err
	}
	return b.syncFolders(path)
}

// syncFolders makes a name, and the folders that lead to it, durable.
func (b *Bucket) syncFolders(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := b.disk.syncDir(dir); err != nil {
			return err
		}
		if dir == b.objects() {
			return nil
		}
	}
}

// compare holds the object that has the name against the one to put. The same bytes are made durable once more: the
// call that wrote them may have failed after the link.
func (b *Bucket) compare(ctx context.Context, path string, r io.ReaderAt, size int64) error {
	b.folders.RLock() // so that the object is not deleted meanwhile
	defer b.folders.RUnlock()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := readTrailer(f)
	if err != nil {
		return err
	}
	ours, theirs := sha256.New(), sha256.New()
	if err := copyAll(ctx, ours, r, size); err != nil {
		return err
	}
	if info.Size != size || info.SHA256 != [32]byte(ours.Sum(nil)) {
		return object.ErrConflict
	}
	if _, err := io.Copy(theirs, io.NewSectionReader(f, 0, size)); err != nil {
		return err
	}
	if info.SHA256 != [32]byte(theirs.Sum(nil)) {
		return object.ErrDamaged
	}
	if err := b.disk.sync(f); err != nil {
		return err
	}
	return b.syncFolders(path)
}

// readTrailer reads what the end of an object's file says of it; the key is left to the caller.
func readTrailer(f *os.File) (object.Info, error) {
	stat, err := f.Stat()
	if err != nil {
		return object.Info{}, err
	}
	size := stat.Size() - int64(trailerSize)
	trailer := make([]byte, trailerSize)
	if size < 0 {
		return object.Info{}, object.ErrDamaged
	}
	if _, err := f.ReadAt(trailer, size); err != nil {
		return object.Info{}, err
	}
	if string(trailer[sha256.Size:]) != trailerMagic {
		return object.Info{}, object.ErrDamaged
	}
	return object.Info{Size: size, SHA256: [32]byte(trailer[:sha256.Size])}, nil
}
