package file

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// rootPrefix begins the root key file, so that it is recognised in a backup.
const rootPrefix = "parley root key v1 "

const rootSize = 32

// rootKey reads the root key or, in a folder that holds nothing yet, makes it. A crash right after leaves a root key
// and nothing wrapped by it: the next start goes on from there.
func (v *Vault) rootKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if v.has("check") || v.has("signing.key") {
			return nil, fmt.Errorf("root key %s is missing, but the folder holds keys wrapped by it: restore it from its backup", path)
		}
		return v.makeRootKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read root key: %w", err)
	}
	if err := checkMode(path); err != nil {
		return nil, err
	}
	return parseRootKey(path, text)
}

func parseRootKey(path string, text []byte) ([]byte, error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(string(text)), rootPrefix)
	root, err := hex.DecodeString(digits)
	if !ok || err != nil || len(root) != rootSize {
		return nil, fmt.Errorf("%s is not a root key: it must read %q and %d hexadecimal digits", path, rootPrefix, 2*rootSize)
	}
	return root, nil
}

func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read root key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("root key %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	return nil
}

func (v *Vault) makeRootKey(path string) ([]byte, error) {
	root := make([]byte, rootSize)
	rand.Read(root)
	tmp := v.tmp()
	if filepath.Dir(path) != filepath.Clean(v.dir) {
		tmp = filepath.Dir(path) // perhaps another file system, onto which nothing can be linked from here
	}
	err := v.disk.writeNew(tmp, path, []byte(rootPrefix+hex.EncodeToString(root)+"\n"))
	if err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	return root, nil
}

// checkRoot holds the root key against the folder, or marks a new folder as its own.
func (v *Vault) checkRoot(rootPath string) error {
	path := filepath.Join(v.dir, "check")
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && v.has("signing.key") {
		return fmt.Errorf("%s is missing: restore the folder from its backup", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return v.disk.writeNew(v.tmp(), path, v.wrap.seal(check, nameHash{}, nil))
	}
	if err != nil {
		return err
	}
	if _, plain, err := v.wrap.open(file, nameHash{}, check); err != nil || len(plain) != 0 {
		return fmt.Errorf("root key %s does not belong to this folder: its keys were wrapped by another", rootPath)
	}
	return nil
}

// loadSigning reads the signing key, or makes it.
func (v *Vault) loadSigning() error {
	path := filepath.Join(v.dir, "signing.key")
	file, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		file = v.wrap.seal(signing, nameHash{}, seed)
		err = v.disk.writeNew(v.tmp(), path, file)
	}
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	_, seed, err := v.wrap.open(file, nameHash{}, signing)
	if err != nil || len(seed) != ed25519.SeedSize {
		return fmt.Errorf("signing key: %w", errDamaged)
	}
	v.signing = ed25519.NewKeyFromSeed(seed)
	return nil
}

func (v *Vault) has(name string) bool {
	_, err := os.Lstat(filepath.Join(v.dir, name))
	return err == nil
}
