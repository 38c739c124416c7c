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
	"strings"

	"parley/recording"
	"parley/signal/wire"
)

func verify(o options) (*recording.Report, error) {
	pub, err := readKey(o.key)
	if err != nil {
		return nil, err
	}
	heads, err := readHeads(o.head)
	if err != nil {
		return nil, err
	}
	bundle, done, err := open(o.bundle)
	if err != nil {
		return nil, err
	}
	defer done()
	return recording.Verify(bundle, pub, heads...)
}

// open opens a folder or a zip.
func open(path string) (fs.FS, func(), error) {
	i, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if i.IsDir() {
		return os.DirFS(path), func() {}, nil
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no folder and no zip: %w", path, err)
	}
	return z, func() { z.Close() }, nil
}

// readKey reads a public key given as hexadecimal or base64, or as a file with either, PEM or 32 raw bytes; nil for none.
func readKey(s string) (ed25519.PublicKey, error) {
	if s == "" {
		return nil, nil
	}
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

// readHeads reads the heads of a receipt: one, a list, or an object with a list called heads.
func readHeads(path string) ([]wire.ReceiptHead, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	heads, err := parseHeads(b)
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	return heads, nil
}

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
