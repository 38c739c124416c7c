package recording

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Sync is fdatasync: the file's size is journalled with it, its times are not.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Reserve allocates blocks without changing the file's size. File systems that can't are asked nothing more: the
// check of free room at the start is all there is then.
func (f osFile) Reserve(size int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

func (osDisk) Free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("read free room: %w", err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}
