package fs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"parley/storage/object"
)

// List implements [object.Bucket].
func (b *Bucket) List(ctx context.Context, prefix object.Key, f func(object.Info) error) error {
	if b.closed.Load() {
		return ErrClosed
	}
	if err := prefix.CheckPrefix(); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	return b.walk(ctx, "", string(prefix), f)
}

// walk lists the objects below one folder, given as a part of their keys.
func (b *Bucket) walk(ctx context.Context, folder, prefix string, f func(object.Info) error) error {
	found, err := os.ReadDir(filepath.Join(b.objects(), filepath.FromSlash(folder)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list: %w", err)
	}
	for _, name := range inKeyOrder(found) {
		key := path.Join(folder, name) // without the slash that marks a folder
		if strings.HasSuffix(name, "/") {
			if strings.HasPrefix(key+"/", prefix) || strings.HasPrefix(prefix, key+"/") {
				err = b.walk(ctx, key, prefix, f)
			}
		} else if strings.HasPrefix(key, prefix) {
			err = b.visit(ctx, object.Key(key), f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Bucket) visit(ctx context.Context, key object.Key, f func(object.Info) error) error {
	info, err := b.Stat(ctx, key)
	if errors.Is(err, object.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	return f(info)
}

// inKeyOrder turns the entries of a folder into parts of keys, a folder's with a slash behind it, sorted as the keys
// they lead to: "a" < "a-b" < "a/b" < "a0".
func inKeyOrder(found []os.DirEntry) []string {
	names := make([]string, 0, len(found))
	for _, e := range found {
		if e.IsDir() {
			names = append(names, e.Name()+"/")
		} else if name, ok := strings.CutPrefix(e.Name(), objectMark); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
