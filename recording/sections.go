package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"parley/internal/chain"
)

// section is a run of bytes of a file.
type section struct {
	file           string
	offset, length int64
}

// sections reads some bytes and then runs of files as if they were one. Closing it closes the files.
type sections struct {
	readers []*io.SectionReader
	size    int64
	files   []*os.File
}

// openSections opens the runs of files in a folder. It fails when a file is too short.
func openSections(dir string, list []section) (*sections, error) {
	s := &sections{}
	open := map[string]*os.File{}
	for _, r := range list {
		f := open[r.file]
		if f == nil {
			var err error
			if f, err = os.Open(filepath.Join(dir, r.file)); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			open[r.file], s.files = f, append(s.files, f)
		}
		i, err := f.Stat()
		if err == nil && i.Size() < r.offset+r.length {
			err = fmt.Errorf("read %s: %w: %d bytes", r.file, io.ErrUnexpectedEOF, i.Size())
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.add(f, r.offset, r.length)
	}
	return s, nil
}

func (s *sections) add(r io.ReaderAt, offset, length int64) {
	s.readers, s.size = append(s.readers, io.NewSectionReader(r, offset, length)), s.size+length
}

// ReadAt implements io.ReaderAt.
func (s *sections) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("recording: negative offset")
	}
	for _, r := range s.readers {
		if len(p) == n {
			return n, nil
		}
		if off >= r.Size() {
			off -= r.Size()
			continue
		}
		want := min(int64(len(p)-n), r.Size()-off)
		k, err := r.ReadAt(p[n:n+int(want)], off)
		n, off = n+k, 0
		if int64(k) < want {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (s *sections) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// hashSection hashes a run of a file's bytes.
func hashSection(dir string, r section) (chain.Hash, error) {
	s, err := openSections(dir, []section{r})
	if err != nil {
		return chain.Hash{}, fmt.Errorf("hash file: %w", err)
	}
	defer s.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s, 0, s.size)); err != nil {
		return chain.Hash{}, fmt.Errorf("hash file: %w", err)
	}
	return chain.Hash(h.Sum(nil)), nil
}
