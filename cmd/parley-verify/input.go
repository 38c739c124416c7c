package main

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parley/internal/chain"
	"parley/recording"
	"parley/signal/wire"
)

// report is what was found of evidence: a recording, a transcript, a list of trees.
type report interface {
	Intact() bool
	SelfAttested() bool
}

// verify tells what the bundle is by its files, and verifies it.
func verify(o options) (report, error) {
	pubs, err := readKeys(o.keys)
	if err != nil {
		return nil, err
	}
	bundle, done, err := open(o.bundle)
	if err != nil {
		return nil, err
	}
	defer done()
	switch {
	case holds(bundle, chain.EntriesFile, chain.SealsFile, chain.TreeFile):
		return verifyWith(o, chain.ParseReceipts, func(receipts []chain.Receipt) (report, error) {
			return chain.VerifyTranscript(bundle, pubs, receipts...)
		})
	case holds(bundle, chain.TreesFile):
		return verifyWith(o, chain.ParseReceipts, func(receipts []chain.Receipt) (report, error) {
			return chain.VerifyTrees(bundle, pubs, receipts...)
		})
	}
	return verifyWith(o, parseHeads, func(heads []wire.ReceiptHead) (report, error) {
		return verifyRecording(bundle, pubs, heads)
	})
}

func holds(bundle fs.FS, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := fs.Stat(bundle, name)
		return err == nil
	})
}

// verifyWith reads the receipt, which each kind of evidence has in its own form.
func verifyWith[T any](o options, parse func([]byte) ([]T, error), verify func([]T) (report, error)) (report, error) {
	receipts, err := readReceipts(o.head, parse)
	if err != nil {
		return nil, err
	}
	return verify(receipts)
}

// verifyRecording takes of several keys the one that the recording names.
func verifyRecording(bundle fs.FS, pubs []ed25519.PublicKey, heads []wire.ReceiptHead) (found *recording.Report, err error) {
	if len(pubs) == 0 {
		return recording.Verify(bundle, nil, heads...)
	}
	for _, pub := range pubs {
		found, err = recording.Verify(bundle, pub, heads...)
		if err != nil || found.Key == chain.PublicKeyID(pub) {
			break
		}
	}
	return found, err
}

// open opens a folder, a zip, or a single file of lines, which is a list of trees.
func open(path string) (fs.FS, func(), error) {
	i, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if i.IsDir() {
		return os.DirFS(path), func() {}, nil
	}
	if strings.HasSuffix(path, ".jsonl") {
		return lone{os.DirFS(filepath.Dir(path)), filepath.Base(path)}, func() {}, nil
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no folder and no zip: %w", path, err)
	}
	return z, func() { z.Close() }, nil
}

// lone is one file, which passes for a list of trees whatever it is called.
type lone struct {
	dir  fs.FS
	file string
}

func (l lone) Open(name string) (fs.File, error) {
	if name != chain.TreesFile {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return l.dir.Open(l.file)
}

func (l lone) ReadDir(string) ([]fs.DirEntry, error) {
	i, err := fs.Stat(l.dir, l.file)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{named{fs.FileInfoToDirEntry(i)}}, nil
}

type named struct{ fs.DirEntry }

func (named) Name() string { return chain.TreesFile }

func readKeys(given []string) (pubs []ed25519.PublicKey, err error) {
	for _, s := range given {
		pub, err := readKey(s)
		if err != nil {
			return nil, err
		}
		pubs = append(pubs, pub)
	}
	return pubs, nil
}

// readKey reads a public key given as hexadecimal or base64, or as a file with either, PEM or 32 raw bytes.
func readKey(s string) (ed25519.PublicKey, error) {
	if k, err := parseKey([]byte(s)); err == nil {
		return k, nil
	}
	b, err := os.ReadFile(s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w, and no file of that name", errKey)
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return parseKey(b)
}

var errKey = errors.New("read key: not an Ed25519 public key in hexadecimal, base64, PEM or raw form")

func parseKey(b []byte) (ed25519.PublicKey, error) {
	text := strings.TrimSpace(string(b))
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.Strict().DecodeString} {
		if k, err := decode(text); err == nil && len(k) == ed25519.PublicKeySize {
			return k, nil
		}
	}
	if p, _ := pem.Decode(b); p != nil {
		if k, err := x509.ParsePKIXPublicKey(p.Bytes); err == nil {
			if k, ok := k.(ed25519.PublicKey); ok {
				return k, nil
			}
		}
	}
	if len(b) == ed25519.PublicKeySize {
		return b, nil
	}
	return nil, errKey
}

// readReceipts reads what a participant kept.
func readReceipts[T any](path string, parse func([]byte) ([]T, error)) ([]T, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	list, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	return list, nil
}

// parseHeads reads the heads of a recording's receipt: one, a list, or an object with a list called heads.
func parseHeads(b []byte) ([]wire.ReceiptHead, error) {
	if b = bytes.TrimSpace(b); bytes.HasPrefix(b, []byte("[")) {
		var list []wire.ReceiptHead
		return list, json.Unmarshal(b, &list)
	}
	var r struct {
		wire.ReceiptHead
		Heads []wire.ReceiptHead `json:"heads"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	switch {
	case len(r.Heads) > 0:
		return r.Heads, nil
	case r.Signature != nil:
		return []wire.ReceiptHead{r.ReceiptHead}, nil
	}
	return nil, errors.New("it holds no head")
}
