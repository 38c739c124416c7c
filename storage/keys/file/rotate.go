package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// RotateRoot implements [keys.Rotator]. The vault stays in use: data keys are wrapped anew a folder at a time. A crash
// before the new generation's envelope is there leaves everything as it was; one after it a folder of two generations,
// which Open takes as it is; one while the old envelopes are removed one or two of them, which wrap nothing any more.
func (v *Vault) RotateRoot(ctx context.Context) error {
	if err := v.usable(ctx); err != nil {
		return fmt.Errorf("rotate root key: %w", err)
	}
	v.rotating.Lock()
	defer v.rotating.Unlock()
	if err := v.rotate(ctx); err != nil {
		return fmt.Errorf("rotate root key: %w", err)
	}
	return nil
}

func (v *Vault) rotate(ctx context.Context) error {
	if err := v.newGeneration(ctx); err != nil {
		return err
	}
	for name, kind := range map[string]wrap.Kind{namesFile: wrap.NamesKey, signingFile: wrap.Signing} {
		if err := v.reseal(filepath.Join(v.dir, name), wrap.NameHash{}, kind); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	// Here and below: what an earlier call replaced without seeing it durable must be, before its old generation goes.
	if err := v.disk.syncDir(v.dir); err != nil {
		return err
	}
	damaged := 0
	for i := range 256 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := v.resealFolder(byte(i))
		if err != nil {
			return err
		}
		damaged += n
	}
	if damaged > 0 {
		return fmt.Errorf("%d keys could not be unwrapped, so the former generation stays: %w", damaged, wrap.ErrDamaged)
	}
	return v.dropGenerations()
}

// newGeneration makes a generation that only the root key at hand opens, unless a rotation that was cut short made one.
func (v *Vault) newGeneration(ctx context.Context) error {
	all, err := v.envelopes()
	if err != nil {
		return err
	}
	newest := all[len(all)-1]
	if v.envelopePath(0, newest.id) != v.envelopePath(0, v.root.ID()) {
		return keys.ErrSucceeded
	}
	ring := v.ring.Load()
	alone := len(all) == 1 || all[len(all)-2].generation != newest.generation
	if alone && ring.Has(newest.generation) && len(ring.Generations()) > 1 {
		return nil
	}
	generation, secret := newest.generation+1, wrap.NewSecret()
	next, err := ring.With(generation, secret)
	if err != nil {
		return err
	}
	if err := v.writeEnvelope(ctx, v.root, generation, 1, secret); err != nil {
		return err
	}
	v.ring.Store(next)
	return nil
}

// resealFolder wraps the keys of one folder by the newest generation and says how many could not be unwrapped.
func (v *Vault) resealFolder(first byte) (damaged int, err error) {
	v.stripes[first].Lock()
	defer v.stripes[first].Unlock()
	names, err := v.namesIn(first)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	for _, name := range names {
		err := v.reseal(v.path(name), name, wrap.Data, wrap.Tombstone)
		if errors.Is(err, wrap.ErrDamaged) {
			damaged++
		} else if err != nil {
			v.settled[first] = false
			return damaged, err
		}
	}
	return damaged, v.disk.syncDir(v.folder(first))
}

func (v *Vault) reseal(path string, name wrap.NameHash, kinds ...wrap.Kind) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	ring := v.ring.Load()
	if generation, ok := wrap.GenerationOf(file); ok && generation == ring.Newest() {
		return nil
	}
	file, err = ring.Reseal(file, name, kinds...)
	if err != nil {
		return err
	}
	return v.replace(path, file)
}

// dropGenerations destroys what opens the former generations. The check of version 1 goes with them.
func (v *Vault) dropGenerations() error {
	all, err := v.envelopes()
	if err != nil {
		return err
	}
	ring := v.ring.Load()
	if err := v.disk.destroy(v.tmp(), filepath.Join(v.dir, checkFile)); err != nil {
		return err
	}
	for _, e := range all {
		if e.generation == ring.Newest() {
			continue
		}
		if err := v.disk.destroy(v.tmp(), v.envelopePath(e.generation, e.id)); err != nil {
			return err
		}
	}
	only, err := ring.Only(ring.Newest())
	if err != nil {
		return err
	}
	v.ring.Store(only)
	return nil
}

// Admit implements [keys.Rotator]. A crash leaves the next root key admitted to some of the generations, if there are
// several; it opens nothing then, and Admit may be repeated.
func (v *Vault) Admit(ctx context.Context, next keys.Root) error {
	if err := v.usable(ctx); err != nil {
		return fmt.Errorf("admit root key: %w", err)
	}
	v.rotating.Lock()
	defer v.rotating.Unlock()
	all, err := v.envelopes()
	if err != nil {
		return fmt.Errorf("admit root key: %w", err)
	}
	order := uint32(0)
	for _, e := range all {
		order = max(order, e.order)
	}
	ring := v.ring.Load()
	for _, generation := range ring.Generations() {
		if err := v.writeEnvelope(ctx, next, generation, order+1, ring.Secret(generation)); err != nil {
			return fmt.Errorf("admit root key: %w", err)
		}
	}
	return nil
}

// Generations implements [keys.Rotator].
func (v *Vault) Generations(ctx context.Context) ([]keys.Generation, error) {
	if err := v.usable(ctx); err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	all, err := v.envelopes()
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	count := map[uint32]int{}
	err = v.eachFile(ctx, func(_ wrap.NameHash, file []byte) error {
		generation, _ := wrap.GenerationOf(file)
		count[generation]++
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	var list []keys.Generation
	for _, e := range all {
		if len(list) == 0 || list[len(list)-1].Number != e.generation {
			list = append(list, keys.Generation{Number: e.generation, Keys: count[e.generation]})
		}
		list[len(list)-1].Roots = append(list[len(list)-1].Roots, e.id)
	}
	return list, nil
}
