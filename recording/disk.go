package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// file is what the writers need of an open file. Sync makes the bytes written before it durable, with what is needed
// to read them back. Reserve makes sure that the file can grow to size; a full disk then no longer stops it.
type file interface {
	io.WriterAt
	Sync() error
	Reserve(size int64) error
	Truncate(size int64) error
	Close() error
}

// disk is where journals and manifests are written. The tests' one runs full and fails.
type disk interface {
	// Create makes a new file; one that exists is an error.
	Create(path string) (file, error)
	// Open opens a file for writing that exists.
	Open(path string) (file, error)
	// Free is how many bytes may still be written below dir.
	Free(dir string) (int64, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// osDisk is the operating system's.
type osDisk struct{}

type osFile struct{ *os.File }

func (osDisk) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return osFile{f}, nil
}

func (osDisk) Open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return osFile{f}, nil
}

func (osDisk) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// isFull says that a write failed for want of room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
