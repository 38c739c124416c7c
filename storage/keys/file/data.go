package file

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"parley/storage/keys"
)

// Create implements [keys.Vault]. A crash before the link leaves a file in tmp/, one after it the whole key.
func (v *Vault) Create(ctx context.Context, n keys.Name) (keys.Key, error) {
	return v.withName(ctx, "create", n, func(name nameHash) (keys.Key, error) {
		key, err := v.load(name)
		if errors.Is(err, keys.ErrNotFound) {
			return v.make(name)
		}
		return key, err
	})
}

// Open implements [keys.Vault].
func (v *Vault) Open(ctx context.Context, n keys.Name) (keys.Key, error) {
	return v.withName(ctx, "open", n, v.load)
}

// Destroy implements [keys.Vault]. The tombstone replaces the wrapped key in one step; the bytes of the wrapped key are
// overwritten afterwards, as far as the file system writes in place. A crash before the replacement leaves the key,
// one after it the tombstone and perhaps, in unused blocks of the disk, the wrapped bytes.
func (v *Vault) Destroy(ctx context.Context, n keys.Name) error {
	_, err := v.withName(ctx, "destroy", n, func(name nameHash) (keys.Key, error) {
		v.cache.remove(name)
		return keys.Key{}, v.bury(name)
	})
	return err
}

func (v *Vault) withName(ctx context.Context, verb string, n keys.Name, f func(nameHash) (keys.Key, error)) (keys.Key, error) {
	if err := v.usable(ctx); err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
	if n == "" || len(n) > MaxName {
		return keys.Key{}, fmt.Errorf("%s key: the name has %d bytes, not 1 to %d", verb, len(n), MaxName)
	}
	name := v.wrap.hash(n)
	stripe := &v.stripes[name[0]]
	stripe.Lock()
	defer stripe.Unlock()
	key, err := f(name)
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
	return key, nil
}

// path is the file of a name; names themselves never reach the disk.
func (v *Vault) path(name nameHash) string {
	digits := hex.EncodeToString(name[:])
	return filepath.Join(v.dir, "keys", digits[:2], digits[2:])
}

// load returns the key of a name, from memory or from its file. What it returns is durable: a folder in which an earlier
// call of this process, or a former process, may have left something that a crash could take away is synced before
// anybody seals with a key of it.
func (v *Vault) load(name nameHash) (keys.Key, error) {
	if key, ok := v.cache.get(name); ok {
		return key, nil
	}
	path := v.path(name)
	key, err := v.read(path, name)
	if err != nil {
		return keys.Key{}, err
	}
	if !v.settled[name[0]] {
		if err := v.disk.syncDir(filepath.Dir(path)); err != nil {
			return keys.Key{}, err
		}
		v.settled[name[0]] = true
	}
	v.cache.put(name, key)
	return key, nil
}

func (v *Vault) read(path string, name nameHash) (keys.Key, error) {
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keys.Key{}, keys.ErrNotFound
	}
	if err != nil {
		return keys.Key{}, err
	}
	k, plain, err := v.wrap.open(file, name, dataKey, tombstone)
	switch {
	case err != nil:
		return keys.Key{}, err
	case k == tombstone:
		return keys.Key{}, keys.ErrDestroyed
	case len(plain) != len(keys.Key{}):
		return keys.Key{}, errDamaged
	}
	return keys.Key(plain), nil
}

func (v *Vault) make(name nameHash) (keys.Key, error) {
	var key keys.Key
	rand.Read(key[:])
	if err := v.disk.writeNew(v.tmp(), v.path(name), v.wrap.seal(dataKey, name, key[:])); err != nil {
		v.settled[name[0]] = false
		return keys.Key{}, err
	}
	v.cache.put(name, key)
	v.created.Inc()
	return key, nil
}

// bury puts the tombstone in the key's place. A file that can't be unwrapped is buried as well: what it sealed must
// not come back with a restored file.
func (v *Vault) bury(name nameHash) error {
	path := v.path(name)
	if _, err := v.read(path, name); errors.Is(err, keys.ErrDestroyed) {
		return v.disk.syncDir(filepath.Dir(path)) // the call that buried it may have failed here
	}
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != nil {
		defer old.Close()
	}
	if err := v.disk.replace(v.tmp(), path, v.wrap.seal(tombstone, name, nil)); err != nil {
		v.settled[name[0]] = false
		return err
	}
	v.destroyed.Inc()
	return v.disk.scrub(old)
}
