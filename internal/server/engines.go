package server

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"parley/storage/bus"
	"parley/storage/bus/local"
	"parley/storage/bus/redis"
	"parley/storage/db"
	"parley/storage/keys"
	"parley/storage/keys/file"
	"parley/storage/keys/root"
	"parley/storage/keys/sql"
	"parley/storage/object"
	"parley/storage/object/fs"
	"parley/storage/object/s3"
)

// Engines are what a node stands on. Each empty field means the embedded engine in the data folder.
type Engines struct {
	// Database and Vault are PostgreSQL databases, two different ones.
	Database, Vault string
	// RootKey names what wraps the vault's keys, see [root.Open]; empty means a file that the data folder's vault makes.
	RootKey string
	Redis   string
	// S3 is https://HOST/BUCKET, with the two credentials.
	S3             string
	Writer, Reader s3.Credential
	Trust          *x509.CertPool // authorities of Redis, the store and a KMS; nil: the system's
}

// Vault is what a node needs of its vault.
type Vault interface {
	keys.Vault
	keys.Rotator
	keys.Eraser
	io.Closer
}

// OpenVault opens the vault that the settings name; dir is the folder of an embedded one.
func OpenVault(ctx context.Context, e Engines, dir string, c sql.Config) (Vault, error) {
	var wrapping keys.Root
	if e.RootKey != "" {
		var err error
		if wrapping, err = root.Open(e.RootKey, root.Config{Trust: e.Trust}); err != nil {
			return nil, err
		}
	}
	if e.Vault == "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
		return file.Open(dir, file.Config{Root: wrapping, Metrics: c.Metrics})
	}
	c.URL, c.Root = e.Vault, wrapping
	return sql.Open(ctx, c)
}

func (s *Server) openVault(ctx context.Context) error {
	v, err := OpenVault(ctx, s.cfg.Engines, s.path(KeysFolder), sql.Config{Metrics: s.metrics, Log: s.log})
	if err != nil {
		return err
	}
	s.node.vault = v
	s.parts.closer("keys", v.Close)
	return nil
}

func (s *Server) openDatabase(ctx context.Context) (err error) {
	if url := s.cfg.Engines.Database; url != "" {
		s.node.db, err = db.OpenPostgres(ctx, url, db.PostgresConfig{Metrics: s.metrics})
	} else {
		s.node.db, err = db.OpenSQLite(ctx, s.path(databaseFile))
	}
	if err != nil {
		return err
	}
	s.parts.closer("database", s.node.db.Close)
	return nil
}

// objectStore is a bucket that is closed.
type objectStore interface {
	object.Bucket
	io.Closer
}

func (s *Server) openObjects(ctx context.Context) (err error) {
	var b objectStore
	if e := s.cfg.Engines; e.S3 != "" {
		b, err = s.openS3(ctx, e)
	} else {
		b, err = fs.Open(s.path(objectsFolder), fs.Config{Metrics: s.metrics})
	}
	if err != nil {
		return err
	}
	s.node.objects = b
	s.parts.closer("objects", b.Close)
	return nil
}

// openS3 refuses a store that does not keep what it promises, and has it proved again while the node serves. One that this
// node has proved before may be away: what needs no store is served, and recordings stay on the disk until it is back.
func (s *Server) openS3(ctx context.Context, e Engines) (objectStore, error) {
	known, err := s.storeMark(e)
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(ctx, s3.Config{URL: e.S3, Region: s.cfg.Outward.Region, Writer: e.Writer, Reader: e.Reader,
		Trust: e.Trust, Await: known.there, Metrics: s.metrics, Log: s.log})
	if err != nil {
		return nil, err
	}
	s.node.canary = b
	return b, known.leave()
}

// mark is a file of the data folder that says which store was proved.
type mark struct {
	path, text string
	there      bool
}

func (s *Server) storeMark(e Engines) (mark, error) {
	sum := sha256.Sum256([]byte(e.S3 + "\n" + s.cfg.Outward.Region))
	m := mark{path: s.path(storeFile), text: hex.EncodeToString(sum[:]) + "\n"}
	found, err := os.ReadFile(m.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("read which store was proved: %w", err)
	}
	m.there = string(found) == m.text
	return m, nil
}

// leave writes the mark. A crash in it leaves none or a part, and then the next start wants the store to answer.
func (m mark) leave() error {
	if m.there {
		return nil
	}
	if err := os.WriteFile(m.path, []byte(m.text), 0o600); err != nil {
		return fmt.Errorf("write which store was proved: %w", err)
	}
	return nil
}

// busKey is the vault's name of what hides users and seals hints on a bus.
const busKey = "field/bus"

// runner is an engine that works beside its callers.
type runner interface{ Run(context.Context) error }

func (s *Server) openBus(ctx context.Context) error {
	if s.cfg.Engines.Redis == "" {
		s.node.bus = local.New(local.Config{Metrics: s.metrics})
		return nil
	}
	key, err := s.node.vault.Create(ctx, busKey)
	if err != nil {
		return err
	}
	b, err := redis.New(redis.Config{URL: s.cfg.Engines.Redis, Node: bus.Node(s.node.name), Key: key[:],
		Trust: s.cfg.Engines.Trust, Metrics: s.metrics, Log: s.log})
	if err != nil {
		return err
	}
	s.node.bus, s.node.wire = b, b
	return nil
}
