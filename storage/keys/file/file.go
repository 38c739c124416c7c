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
)

// MaxName is the longest name of a data key in bytes.
const MaxName = 512

// ErrClosed says that the vault was closed.
var ErrClosed = errors.New("keys: vault is closed")

// Config is what a [Vault] can be told.
type Config struct {
	// RootKey is the path of the root key; empty means root.key in the folder. It is made if there is none and the
	// folder is empty.
	RootKey string
	// Cache is how many unwrapped data keys are kept in memory; 0 means 4096.
	Cache int
	// Metrics registers parley_keys_created_total and parley_keys_destroyed_total; nil keeps them private.
	Metrics prometheus.Registerer
}

// Vault is a [keys.Vault] in a folder. One process has it open at a time.
type Vault struct {
	dir     string
	disk    disk
	wrap    wrapper
	signing ed25519.PrivateKey
	lock    *os.File
	cache   *cache
	closed  atomic.Bool
	// stripes order what is done to one name: all of it happens under the lock of the name's first byte.
	stripes [256]sync.Mutex
	// settled says of a folder, under the lock of its stripe, that a crash can take nothing away that stands in it.
	settled [256]bool

	created, destroyed prometheus.Counter
}

var _ keys.Vault = (*Vault)(nil)

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
	if cfg.RootKey == "" {
		cfg.RootKey = filepath.Join(dir, "root.key")
	}
	if cfg.Cache <= 0 {
		cfg.Cache = 4096
	}
	v := &Vault{dir: dir, disk: d, cache: newCache(cfg.Cache)}
	v.register(cfg.Metrics)
	if err := v.prepare(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			v.lock.Close()
		}
	}()
	root, err := v.rootKey(cfg.RootKey)
	if err != nil {
		return nil, err
	}
	if v.wrap, err = newWrapper(root); err != nil {
		return nil, err
	}
	if err := v.checkRoot(cfg.RootKey); err != nil {
		return nil, err
	}
	if err := v.loadSigning(); err != nil {
		return nil, err
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
	lock, err := lockFile(filepath.Join(v.dir, "lock"))
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
	if v.has("signing.key") { // the last thing that a first start makes
		return nil
	}
	for i := range 256 {
		err := os.Mkdir(filepath.Join(v.dir, "keys", fmt.Sprintf("%02x", i)), 0o700)
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return errors.Join(v.disk.syncDir(filepath.Join(v.dir, "keys")), v.disk.syncDir(v.dir))
}

func (v *Vault) tmp() string { return filepath.Join(v.dir, "tmp") }

// Close forgets the keys in memory and lets another process open the vault. Closing twice is no error.
func (v *Vault) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.cache.clear()
	return v.lock.Close()
}

// Sign implements [chain.Signer].
func (v *Vault) Sign(ctx context.Context, message []byte) (chain.Signature, error) {
	if err := v.usable(ctx); err != nil {
		return chain.Signature{}, err
	}
	return chain.SignWith(v.signing, message)
}

// PublicKey implements [chain.Signer].
func (v *Vault) PublicKey(ctx context.Context) (ed25519.PublicKey, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	return v.signing.Public().(ed25519.PublicKey), nil
}

func (v *Vault) usable(ctx context.Context) error {
	if v.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}
