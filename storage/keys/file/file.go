package file

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/chain"
	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// MaxName is the longest name of a data key in bytes.
const MaxName = wrap.MaxName

// ErrClosed says that the vault was closed.
var ErrClosed = errors.New("keys: vault is closed")

// Config is what a [Vault] can be told.
type Config struct {
	// RootKey is the path of the root key; empty means root.key in the folder. It is made if there is none and the
	// folder is empty.
	RootKey string
	// Root is the root key, if it is not in a file; RootKey is not looked at then.
	Root keys.Root
	// Cache is how many unwrapped data keys are kept in memory; 0 means 4096.
	Cache int
	// Metrics registers parley_keys_created_total and parley_keys_destroyed_total; nil keeps them private.
	Metrics prometheus.Registerer
}

// Vault is a [keys.Vault] in a folder. One process has it open at a time.
type Vault struct {
	dir    string
	disk   disk
	root   keys.Root
	names  wrap.Names
	lock   *os.File
	cache  *wrap.Cache
	closed atomic.Bool

	// ring is replaced, while a rotation holds rotating, before the first file is wrapped by a new generation and after
	// the last one is.
	ring     atomic.Pointer[wrap.Ring]
	rotating sync.Mutex
	signing  atomic.Pointer[signer]

	// stripes order what is done to one name: all of it happens under the lock of the name's first byte.
	stripes [256]sync.Mutex
	// settled says of a folder, under the lock of its stripe, that a crash can take nothing away that stands in it.
	settled [256]bool

	created, destroyed prometheus.Counter
}

var (
	_ keys.Vault   = (*Vault)(nil)
	_ keys.Rotator = (*Vault)(nil)
	_ keys.Eraser  = (*Vault)(nil)
)

// Open opens the vault in the folder, or makes it. It fails if another process has it open, if the root key is
// missing, readable by others, or not the one of the folder.
func Open(dir string, cfg Config) (*Vault, error) {
	v, err := open(dir, cfg, osDisk())
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", dir, err)
	}
	return v, nil
}

func open(dir string, cfg Config, d disk) (_ *Vault, err error) {
	v := &Vault{dir: dir, disk: d, root: cfg.Root, cache: wrap.NewCache(cfg.Cache)}
	v.register(cfg.Metrics)
	if err := v.prepare(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			v.lock.Close()
		}
	}()
	if err := v.findRoot(cfg.RootKey); err != nil {
		return nil, err
	}
	ctx := context.Background() // a root key that asks a KMS has a time-out of its own
	for _, step := range []func(context.Context) error{v.loadRing, v.loadNames, v.loadSigning} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *Vault) register(metrics prometheus.Registerer) {
	v.created = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_keys_created_total", Help: "Data keys that were made."})
	v.destroyed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_keys_destroyed_total", Help: "Data keys that were destroyed."})
	if metrics != nil {
		metrics.MustRegister(v.created, v.destroyed)
	}
}

// prepare makes the folders, takes the lock and removes what a crash left half written.
func (v *Vault) prepare() error {
	if err := os.MkdirAll(filepath.Join(v.dir, "keys"), 0o700); err != nil {
		return err
	}
	lock, err := Lock(filepath.Join(v.dir, "lock"))
	if err != nil {
		return err
	}
	v.lock = lock
	if err := v.makeFolders(); err != nil {
		lock.Close()
		return err
	}
	return nil
}

func (v *Vault) makeFolders() error {
	if err := os.RemoveAll(v.tmp()); err != nil {
		return err
	}
	if err := os.Mkdir(v.tmp(), 0o700); err != nil {
		return err
	}
	if err := makeFolder(filepath.Join(v.dir, "roots")); err != nil {
		return err
	}
	if v.has(signingFile) { // the last thing that a first start makes
		return v.disk.syncDir(v.dir)
	}
	for i := range 256 {
		if err := makeFolder(v.folder(byte(i))); err != nil {
			return err
		}
	}
	return errors.Join(v.disk.syncDir(filepath.Join(v.dir, "keys")), v.disk.syncDir(v.dir))
}

func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (v *Vault) tmp() string { return filepath.Join(v.dir, "tmp") }

// folder is where the data keys are whose hashes begin with that byte.
func (v *Vault) folder(first byte) string {
	return filepath.Join(v.dir, "keys", fmt.Sprintf("%02x", first))
}

func (v *Vault) has(name string) bool {
	_, err := os.Lstat(filepath.Join(v.dir, name))
	return err == nil
}

// Close forgets the keys in memory and lets another process open the vault. Closing twice is no error.
func (v *Vault) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.cache.Clear()
	return v.lock.Close()
}

// Sign implements [chain.Signer].
func (v *Vault) Sign(ctx context.Context, message []byte) (chain.Signature, error) {
	if err := v.usable(ctx); err != nil {
		return chain.Signature{}, err
	}
	return chain.SignWith(v.signing.Load().key, message)
}

// PublicKey implements [chain.Signer].
func (v *Vault) PublicKey(ctx context.Context) (ed25519.PublicKey, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	return v.signing.Load().public(), nil
}

func (v *Vault) usable(ctx context.Context) error {
	if v.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}
