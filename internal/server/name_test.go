package server

import (
	"os"
	"path/filepath"
	"testing"
)

func TestANodeKeepsItsName(t *testing.T) {
	dir := t.TempDir()
	first, err := nodeName(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := nodeName(dir)
	if err != nil || again != first {
		t.Errorf("second time %q, %v; want %q", again, err, first)
	}
	other, err := nodeName(t.TempDir())
	if err != nil || other == first {
		t.Errorf("another folder's node is %q, too (%v)", other, err)
	}
	if err := os.WriteFile(filepath.Join(dir, nameFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := nodeName(dir); err == nil {
		t.Errorf("a damaged name is taken for %q", got)
	}
}
