package file

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"parley/storage/keys"
	"parley/storage/keys/root"
	"parley/storage/keys/wrap"
)

const (
	checkFile   = "check" // of version 1
	namesFile   = "names.key"
	signingFile = "signing.key"
)

// findRoot reads the root key or, in a folder that holds nothing yet, makes it. A crash right after leaves a root key
// and nothing wrapped by it: the next start goes on from there.
func (v *Vault) findRoot(path string) error {
	if v.root != nil {
		return nil
	}
	if path == "" {
		path = filepath.Join(v.dir, "root.key")
	}
	local, err := root.FromFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if local, err = v.makeRoot(path); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	v.root = local
	return nil
}

func (v *Vault) makeRoot(path string) (*root.Local, error) {
	used, err := v.used()
	if err != nil {
		return nil, err
	}
	if used {
		return nil, fmt.Errorf("root key %s is missing, but the folder holds keys wrapped by it: restore it from its backup", path)
	}
	tmp := v.tmp()
	if filepath.Dir(path) != filepath.Clean(v.dir) {
		tmp = filepath.Dir(path) // perhaps another file system, onto which nothing can be linked from here
	}
	if err := v.disk.writeNew(tmp, path, root.NewText()); err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	return root.FromFile(path)
}

// used says whether a root key has wrapped something in the folder.
func (v *Vault) used() (bool, error) {
	all, err := v.envelopes()
	return len(all) > 0 || v.has(checkFile) || v.has(namesFile) || v.has(signingFile), err
}

// envelope is a generation's secret wrapped by a root key: a file "<generation>-<id of the root key>" that holds
// order(4) ‖ wrapped. Of the root keys of a generation the one of the highest order was admitted last.
type envelope struct {
	generation uint32
	id         string
	order      uint32
	wrapped    []byte
}

func (v *Vault) envelopePath(generation uint32, id string) string {
	// An id may name a path of a KMS.
	return filepath.Join(v.dir, "roots", fmt.Sprintf("%d-%s", generation, strings.ReplaceAll(id, "/", "_")))
}

// envelopes reads all of them, by generation and order.
func (v *Vault) envelopes() ([]envelope, error) {
	files, err := os.ReadDir(filepath.Join(v.dir, "roots"))
	if err != nil {
		return nil, err
	}
	var all []envelope
	for _, f := range files {
		digits, id, _ := strings.Cut(f.Name(), "-")
		generation, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			continue // nobody of ours wrote it
		}
		data, err := os.ReadFile(filepath.Join(v.dir, "roots", f.Name()))
		if err != nil {
			return nil, err
		}
		if len(data) < 4 {
			return nil, fmt.Errorf("roots/%s: %w", f.Name(), wrap.ErrDamaged)
		}
		all = append(all, envelope{uint32(generation), id, binary.BigEndian.Uint32(data), data[4:]})
	}
	slices.SortFunc(all, func(a, b envelope) int {
		return cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.order, b.order))
	})
	return all, nil
}

// writeEnvelope wraps a generation's secret by a root key, durably.
func (v *Vault) writeEnvelope(ctx context.Context, by keys.Root, generation, order uint32, secret keys.Key) error {
	wrapped, err := by.Wrap(ctx, secret, wrap.Bound(generation))
	if err != nil {
		return err
	}
	data := append(binary.BigEndian.AppendUint32(nil, order), wrapped...)
	return v.disk.replace(v.tmp(), v.envelopePath(generation, by.ID()), data)
}

// loadRing opens the generations, or makes the first one.
func (v *Vault) loadRing(ctx context.Context) error {
	all, err := v.envelopes()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return v.firstRing(ctx)
	}
	secrets := map[uint32]keys.Key{}
	for _, e := range all {
		if _, known := secrets[e.generation]; known || v.envelopePath(e.generation, e.id) != v.envelopePath(e.generation, v.root.ID()) {
			continue
		}
		if secrets[e.generation], err = v.root.Unwrap(ctx, e.wrapped, wrap.Bound(e.generation)); err != nil {
			return err
		}
	}
	for _, e := range all {
		if _, ok := secrets[e.generation]; !ok {
			return v.foreign()
		}
	}
	return v.setRing(secrets)
}

func (v *Vault) setRing(secrets map[uint32]keys.Key) error {
	ring, err := wrap.NewRing(secrets)
	if err != nil {
		return err
	}
	v.ring.Store(ring)
	return nil
}

// firstRing makes the first generation of a new folder, or takes the root key for generation 0 in one of version 1.
func (v *Vault) firstRing(ctx context.Context) error {
	generation, secret := uint32(1), wrap.NewSecret()
	if v.has(checkFile) {
		if err := v.checkVersion1(); err != nil {
			return err
		}
		generation, secret = 0, v.root.(*root.Local).Secret()
	} else if v.has(signingFile) || v.has(namesFile) {
		return errors.New("roots and check are missing: restore the folder from its backup")
	}
	if err := v.writeEnvelope(ctx, v.root, generation, 1, secret); err != nil {
		return err
	}
	return v.setRing(map[uint32]keys.Key{generation: secret})
}

// checkVersion1 holds the root key against a folder in which it wraps directly.
func (v *Vault) checkVersion1() error {
	local, ok := v.root.(*root.Local)
	if !ok {
		return v.foreign()
	}
	ring, err := wrap.NewRing(map[uint32]keys.Key{0: local.Secret()})
	if err != nil {
		return err
	}
	file, err := os.ReadFile(filepath.Join(v.dir, checkFile))
	if err != nil {
		return err
	}
	if _, plain, err := ring.Open(file, wrap.NameHash{}, wrap.Check); err != nil || len(plain) != 0 {
		return v.foreign()
	}
	return nil
}

func (v *Vault) foreign() error {
	return fmt.Errorf("root key %s does not belong to this folder, its keys were wrapped by another: %w", v.root, keys.ErrForeignRoot)
}

// loadNames reads the names key, or makes it. In a folder of version 1 it follows from the root key.
func (v *Vault) loadNames(context.Context) error {
	path, ring := filepath.Join(v.dir, namesFile), v.ring.Load()
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var key keys.Key
		if key, err = v.firstNames(); err == nil {
			file = ring.Seal(wrap.NamesKey, wrap.NameHash{}, key[:])
			err = v.disk.writeNew(v.tmp(), path, file)
		}
	}
	if err != nil {
		return fmt.Errorf("names key: %w", err)
	}
	_, key, err := ring.Open(file, wrap.NameHash{}, wrap.NamesKey)
	if err != nil || len(key) != len(keys.Key{}) {
		return fmt.Errorf("names key: %w", wrap.ErrDamaged)
	}
	v.names, err = wrap.NewNames(keys.Key(key))
	return err
}

func (v *Vault) firstNames() (keys.Key, error) {
	ring := v.ring.Load()
	switch {
	case ring.Has(0):
		return wrap.Version1Names(ring.Secret(0))
	case v.has(signingFile):
		return keys.Key{}, errors.New("names.key is missing: restore the folder from its backup")
	}
	return wrap.NewSecret(), nil
}
