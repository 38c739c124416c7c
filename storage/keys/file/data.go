package file

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// Create implements [keys.Vault]. A crash before the link leaves a file in tmp/, one after it the whole key.
func (v *Vault) Create(ctx context.Context, n keys.Name) (keys.Key, error) {
	return v.withName(ctx, "create", n, func(name wrap.NameHash) (keys.Key, error) {
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
	_, err := v.withName(ctx, "destroy", n, func(name wrap.NameHash) (keys.Key, error) {
		return keys.Key{}, v.bury(wrap.Buried{Name: name, At: time.Now()})
	})
	return err
}

func (v *Vault) withName(ctx context.Context, verb string, n keys.Name, f func(wrap.NameHash) (keys.Key, error)) (keys.Key, error) {
	if err := v.usable(ctx); err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
	name, err := v.names.Hash(n)
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s key: %w", verb, err)
	}
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
func (v *Vault) path(name wrap.NameHash) string {
	return filepath.Join(v.folder(name[0]), hex.EncodeToString(name[1:]))
}

// load returns the key of a name, from memory or from its file. What it returns is durable: a folder in which an earlier
// call of this process, or a former process, may have left something that a crash could take away is synced before
// anybody seals with a key of it.
func (v *Vault) load(name wrap.NameHash) (keys.Key, error) {
	if key, ok := v.cache.Get(name); ok {
		return key, nil
	}
	epoch := v.cache.Epoch()
	key, err := v.read(name)
	if err != nil {
		return keys.Key{}, err
	}
	if err := v.settle(name[0]); err != nil {
		return keys.Key{}, err
	}
	v.cache.Put(name, key, epoch)
	return key, nil
}

func (v *Vault) settle(first byte) error {
	if v.settled[first] {
		return nil
	}
	if err := v.disk.syncDir(v.folder(first)); err != nil {
		return err
	}
	v.settled[first] = true
	return nil
}

func (v *Vault) read(name wrap.NameHash) (keys.Key, error) {
	file, err := os.ReadFile(v.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return keys.Key{}, keys.ErrNotFound
	}
	if err != nil {
		return keys.Key{}, err
	}
	return v.ring.Load().OpenKey(file, name)
}

func (v *Vault) make(name wrap.NameHash) (keys.Key, error) {
	key, epoch := wrap.NewSecret(), v.cache.Epoch()
	if err := v.disk.writeNew(v.tmp(), v.path(name), v.ring.Load().Seal(wrap.Data, name, key[:])); err != nil {
		v.settled[name[0]] = false
		return keys.Key{}, err
	}
	v.cache.Put(name, key, epoch)
	v.created.Inc()
	return key, nil
}

// bury puts the tombstone in the key's place. A file that can't be unwrapped is buried as well: what it sealed must
// not come back with a restored file.
func (v *Vault) bury(b wrap.Buried) error {
	v.cache.Remove(b.Name)
	path := v.path(b.Name)
	if _, err := v.read(b.Name); errors.Is(err, keys.ErrDestroyed) {
		return v.disk.syncDir(filepath.Dir(path)) // the call that buried it may have failed here
	}
	at := binary.BigEndian.AppendUint64(nil, uint64(wrap.Micros(b.At)))
	if err := v.replace(path, v.ring.Load().Seal(wrap.Tombstone, b.Name, at)); err != nil {
		v.settled[b.Name[0]] = false
		return err
	}
	v.destroyed.Inc()
	return nil
}

// replace puts a file in the place of one that may be there, and overwrites what that one held.
func (v *Vault) replace(path string, data []byte) error {
	old, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != nil {
		defer old.Close()
	}
	if err := v.disk.replace(v.tmp(), path, data); err != nil {
		return err
	}
	return v.disk.scrub(old)
}
