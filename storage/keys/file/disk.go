package file

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is how files become durable. Tests replace its steps by failing ones.
type disk struct {
	sync    func(*os.File) error
	syncDir func(dir string) error
	link    func(from, to string) error
	rename  func(from, to string) error
}

func osDisk() disk {
	return disk{sync: (*os.File).Sync, syncDir: syncDir, link: os.Link, rename: os.Rename}
}

// writeNew writes a file that must not be there yet, durably. After an error it may be there, whole.
func (d disk) writeNew(tmp, path string, data []byte) error { return d.write(tmp, path, data, d.link) }

// replace writes a file in the place of one that may be there, durably and in one step.
func (d disk) replace(tmp, path string, data []byte) error {
	return d.write(tmp, path, data, d.rename)
}

func (d disk) write(tmp, path string, data []byte, publish func(from, to string) error) error {
	f, err := os.CreateTemp(tmp, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = d.sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := publish(f.Name(), path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// destroy takes a file away, durably and in one step, and overwrites it afterwards. A file that is not there is no
// error. A crash leaves the file whole, or in tmp.
func (d disk) destroy(tmp, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return d.syncDir(filepath.Dir(path)) // the call that took it away may have failed here
	}
	if err != nil {
		return err
	}
	defer f.Close()
	away := filepath.Join(tmp, filepath.Base(path))
	defer os.Remove(away)
	if err := d.rename(path, away); err != nil {
		return err
	}
	if err := d.syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return d.scrub(f)
}

// scrub overwrites a file that no name leads to any more; nil is nothing to do.
func (d disk) scrub(f *os.File) error {
	if f == nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, info.Size())
	rand.Read(noise)
	if _, err := f.WriteAt(noise, 0); err != nil {
		return err
	}
	return d.sync(f)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
