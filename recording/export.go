package recording

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Export writes a sealed recording as a zip that [Verify] and parley-verify take: manifest, journals as ciphertext,
// signed head with its public key. Nothing in it can be read without the data keys. A recording that still runs is
// policy.ErrConflict; one whose files are elsewhere and not in the bucket yet is [ErrStoring], before anything is written.
func (r *Recorder) Export(ctx context.Context, id ID, w io.Writer) error {
	z := zip.NewWriter(w)
	err := r.export(ctx, id, func(name string, in io.Reader) error {
		out, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return err
	})
	if err != nil {
		return fmt.Errorf("export recording: %w", err)
	}
	return z.Close()
}

// ExportDir is Export into a folder, which it makes.
func (r *Recorder) ExportDir(ctx context.Context, id ID, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("export recording: %w", err)
	}
	err := r.export(ctx, id, func(name string, in io.Reader) error {
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
	if err != nil {
		return fmt.Errorf("export recording: %w", err)
	}
	return nil
}

func (r *Recorder) export(ctx context.Context, id ID, put func(name string, in io.Reader) error) error {
	row, d, err := r.load(ctx, id)
	if err == nil {
		err = r.readable(row)
	}
	if err != nil {
		return err
	}
	for _, name := range bundleFiles(d) {
		in, err := r.openFile(ctx, row, d, name)
		if err != nil {
			return err
		}
		if err := errors.Join(put(name, in), in.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
