package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"parley/storage/keys/wrap"
)

// ExportTombstones implements [keys.Eraser]. It reads every file of the folder. Tombstones of version 1 know no moment
// and are in every export.
func (v *Vault) ExportTombstones(ctx context.Context, w io.Writer, since time.Time) (int, error) {
	if err := v.usable(ctx); err != nil {
		return 0, fmt.Errorf("export tombstones: %w", err)
	}
	n, out := 0, bufio.NewWriter(w)
	_ = out.WriteByte('\n') // ends a line that was cut where this is appended
	err := v.eachFile(ctx, func(name wrap.NameHash, file []byte) error {
		_, plain, err := v.ring.Load().Open(file, name, wrap.Tombstone)
		if err != nil {
			return nil //nolint:nilerr // a key, or damaged: no tombstone
		}
		b := wrap.Buried{Name: name}
		if len(plain) == 8 {
			b.At = wrap.FromMicros(int64(binary.BigEndian.Uint64(plain)))
		}
		if !b.At.IsZero() && b.At.Before(since) {
			return nil
		}
		n++
		_, err = out.Write(v.names.AppendLine(nil, b))
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return n, fmt.Errorf("export tombstones: %w", err)
	}
	return n, nil
}

// ReplayTombstones implements [keys.Eraser].
func (v *Vault) ReplayTombstones(ctx context.Context, ledger io.Reader) (int, error) {
	n, err := v.names.Follow(ledger, func(b wrap.Buried) error {
		if err := v.usable(ctx); err != nil {
			return err
		}
		v.stripes[b.Name[0]].Lock()
		defer v.stripes[b.Name[0]].Unlock()
		return v.bury(b)
	})
	if err != nil {
		return n, fmt.Errorf("replay tombstones: %w", err)
	}
	return n, nil
}

// eachFile reads the files of all data keys and tombstones, each as it stands at its moment.
func (v *Vault) eachFile(ctx context.Context, f func(wrap.NameHash, []byte) error) error {
	for i := range 256 {
		if err := v.usable(ctx); err != nil {
			return err
		}
		if err := v.eachIn(byte(i), f); err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) eachIn(first byte, f func(wrap.NameHash, []byte) error) error {
	v.stripes[first].Lock()
	defer v.stripes[first].Unlock()
	names, err := v.namesIn(first)
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := os.ReadFile(v.path(name))
		if err != nil {
			return err
		}
		if err := f(name, file); err != nil {
			return err
		}
	}
	return nil
}

// namesIn lists the hashes in one folder.
func (v *Vault) namesIn(first byte) ([]wrap.NameHash, error) {
	files, err := os.ReadDir(v.folder(first))
	if err != nil {
		return nil, err
	}
	var names []wrap.NameHash
	for _, f := range files {
		rest, err := hex.DecodeString(filepath.Base(f.Name()))
		if err != nil || len(rest) != len(wrap.NameHash{})-1 {
			continue // nobody of ours wrote it
		}
		names = append(names, wrap.NameHash(append([]byte{first}, rest...)))
	}
	return names, nil
}
