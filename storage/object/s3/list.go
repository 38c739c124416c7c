package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"parley/storage/object"
)

// List implements [object.Bucket].
func (b *Bucket) List(ctx context.Context, prefix object.Key, f func(object.Info) error) error {
	if err := prefix.CheckPrefix(); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if b.unproven.Load() {
		return fmt.Errorf("list: %w", ErrUnproven)
	}
	for _, class := range b.classes() {
		all := class + "/"
		if !strings.HasPrefix(all, string(prefix)) && !strings.HasPrefix(string(prefix), all) {
			continue
		}
		if err := b.listClass(ctx, b.bucket(class), max(all, string(prefix)), f); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bucket) listClass(ctx context.Context, bucket, prefix string, f func(object.Info) error) error {
	// Stores refuse prefixes with "." or ".." in them: whole, they begin no key; at the end, they may begin "..a".
	folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
	if object.Key(folder+"a").Check() != nil {
		return nil
	}
	asked := prefix
	if last := prefix[len(folder):]; last == "." || last == ".." {
		asked = folder
	}
	for after, more := "", true; more; more = after != "" {
		var found []listed
		var last string
		err := b.again(ctx, func(ctx context.Context) (err error) {
			found, last, err = b.page(ctx, bucket, asked, after, b.patience.page)
			return err
		})
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		for _, v := range found {
			if !strings.HasPrefix(string(v.key), prefix) {
				continue
			}
			if err := b.visit(ctx, v.version, f); err != nil {
				return err
			}
		}
		after = last
	}
	return nil
}

func (b *Bucket) visit(ctx context.Context, v version, f func(object.Info) error) error {
	var s seen
	err := b.again(ctx, func(ctx context.Context) (err error) {
		s, err = b.head(ctx, v)
		return err
	})
	if errors.Is(err, object.ErrNotFound) {
		return nil // its lock ended meanwhile
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", v.key, err)
	}
	return f(s.Info)
}

// Delete implements [object.Bucket]: an object that is there stays, since neither credential may delete.
func (b *Bucket) Delete(ctx context.Context, key object.Key) error {
	bucket, err := b.locate(ctx, key)
	if err == nil {
		err = b.again(ctx, func(ctx context.Context) error {
			_, _, err := b.first(ctx, bucket, key)
			return err
		})
	}
	switch {
	case errors.Is(err, object.ErrNotFound):
		return nil
	case err == nil:
		err = object.ErrLocked
	}
	return fmt.Errorf("delete %s: %w", key, err)
}
