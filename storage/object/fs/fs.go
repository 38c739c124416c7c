package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"parley/storage/object"
)

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("object: store is closed")

// Config is what a [Bucket] can be told.
type Config struct {
	// Metrics registers parley_object_written_bytes_total and parley_object_full_total; nil keeps them private.
	Metrics prometheus.Registerer
}

// Bucket is an [object.Bucket] in a folder. One process has it open at a time.
type Bucket struct {
	dir    string
	disk   disk
	lock   *os.File
	closed atomic.Bool
	// folders is held for writing while empty folders are removed, for reading while a name is made in one.
	folders sync.RWMutex

	written, full prometheus.Counter
}

var _ object.Bucket = (*Bucket)(nil)

// Open opens the store in the folder, or makes it.
func Open(dir string, cfg Config) (*Bucket, error) {
	b := &Bucket{dir: dir, disk: osDisk()}
	b.register(cfg.Metrics)
	if err := b.prepare(); err != nil {
		return nil, fmt.Errorf("open object store %s: %w", dir, err)
	}
	return b, nil
}

func (b *Bucket) register(metrics prometheus.Registerer) {
	b.written = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_object_written_bytes_total", Help: "Bytes of objects that became durable."})
	b.full = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_object_full_total", Help: "Objects that were refused because the disk is full."})
	if metrics != nil {
		metrics.MustRegister(b.written, b.full)
	}
}

// prepare makes the folders, takes the lock and removes what a crash left half written.
func (b *Bucket) prepare() error {
	if err := os.MkdirAll(b.objects(), 0o700); err != nil {
		return err
	}
	lock, err := lockFile(filepath.Join(b.dir, "lock"))
	if err != nil {
		return err
	}
	err = errors.Join(os.RemoveAll(b.tmp()), os.Mkdir(b.tmp(), 0o700), b.disk.syncDir(b.dir))
	if err != nil {
		lock.Close()
		return err
	}
	b.lock = lock
	return nil
}

// Close lets another process open the store. Readers that are open go on. Closing twice is no error.
func (b *Bucket) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	return b.lock.Close()
}

func (b *Bucket) objects() string { return filepath.Join(b.dir, "objects") }
func (b *Bucket) tmp() string     { return filepath.Join(b.dir, "tmp") }

// path is the file of a key that was checked.
func (b *Bucket) path(key object.Key) string {
	folder, name := "", string(key)
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		folder, name = name[:i], name[i+1:]
	}
	return filepath.Join(b.objects(), filepath.FromSlash(folder), objectMark+name)
}

// objectMark begins the name of every object's file. No key holds it.
const objectMark = "="

func (b *Bucket) usable(ctx context.Context, key object.Key) error {
	if b.closed.Load() {
		return ErrClosed
	}
	if err := key.Check(); err != nil {
		return err
	}
	return ctx.Err()
}

// Get implements [object.Bucket].
func (b *Bucket) Get(ctx context.Context, key object.Key, offset, length int64) (io.ReadCloser, error) {
	f, info, err := b.openObject(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	if length < 0 {
		length = info.Size - offset
	}
	if offset < 0 || length < 0 || offset > info.Size-length {
		f.Close()
		return nil, fmt.Errorf("get %s: %w", key, object.ErrRange)
	}
	return &reader{io.NewSectionReader(f, offset, length), f}, nil
}

type reader struct {
	*io.SectionReader
	io.Closer
}

// Stat implements [object.Bucket].
func (b *Bucket) Stat(ctx context.Context, key object.Key) (object.Info, error) {
	f, info, err := b.openObject(ctx, key)
	if err != nil {
		return object.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return info, f.Close()
}

func (b *Bucket) openObject(ctx context.Context, key object.Key) (*os.File, object.Info, error) {
	if err := b.usable(ctx, key); err != nil {
		return nil, object.Info{}, err
	}
	f, err := os.Open(b.path(key))
	if errors.Is(err, os.ErrNotExist) {
		err = object.ErrNotFound
	}
	if err != nil {
		return nil, object.Info{}, err
	}
	info, err := readTrailer(f)
	if err != nil {
		f.Close()
		return nil, object.Info{}, err
	}
	info.Key = key
	return f, info, nil
}

// Delete implements [object.Bucket]. A crash leaves the object or nothing.
func (b *Bucket) Delete(ctx context.Context, key object.Key) error {
	if err := b.usable(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	b.folders.Lock()
	defer b.folders.Unlock()
	path := b.path(key)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	if err := b.prune(filepath.Dir(path)); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// prune removes the folders from dir upward that became empty, and makes the removal durable.
func (b *Bucket) prune(dir string) error {
	for dir != b.objects() {
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			break // not empty
		}
		dir = filepath.Dir(dir)
	}
	return b.disk.syncDir(dir)
}
