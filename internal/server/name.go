package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// nameFile holds the node's name in the data folder. It goes where the folder goes, so that a node is found again by what
// it has on its disk.
const nameFile = "node"

// nodeName reads the node's name, or makes one in a new folder. A crash leaves the whole file or none. The caller holds
// the folder's lock.
func nodeName(dir string) (string, error) {
	path := filepath.Join(dir, nameFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newName(dir, path)
	}
	if err != nil {
		return "", fmt.Errorf("read node name: %w", err)
	}
	name := strings.TrimSpace(string(text))
	if _, err := uuid.Parse(name); err != nil {
		return "", fmt.Errorf("%s is no node name: remove the file only if the folder holds no recordings", path)
	}
	return name, nil
}

func newName(dir, path string) (string, error) {
	name := uuid.Must(uuid.NewV7()).String()
	f, err := os.CreateTemp(dir, nameFile+"-*")
	if err != nil {
		return "", fmt.Errorf("make node name: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(name + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("make node name: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return "", fmt.Errorf("make node name: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", fmt.Errorf("make node name: %w", err)
	}
	return name, errors.Join(d.Sync(), d.Close())
}
