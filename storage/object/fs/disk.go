package fs

import (
	"errors"
	"io"
	"os"
)

// disk is how files become durable. Tests replace its steps by failing ones.
type disk struct {
	writer  func(*os.File) io.Writer
	sync    func(*os.File) error
	syncDir func(dir string) error
	link    func(from, to string) error
}

func osDisk() disk {
	return disk{
		writer:  func(f *os.File) io.Writer { return f },
		sync:    (*os.File).Sync,
		syncDir: syncDir,
		link:    os.Link,
	}
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
