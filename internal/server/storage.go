package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"parley/chat"
	"parley/internal/audit"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/recording"
	"parley/recording/mux"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/sfu"
	"parley/storage/bus/local"
	"parley/storage/db"
	"parley/storage/keys/file"
	objects "parley/storage/object/fs"
)

// thisNode names the node on the bus and in recordings; an embedded server is the only one.
const thisNode = "local"

// node is what a server is made of, bottom floor first.
type node struct {
	vault   *file.Vault
	objects *objects.Bucket
	db      *db.DB
	bus     *local.Bus

	revoker  identity.Revoker
	verifier *identity.Verifier
	audit    *audit.Log
	texts    *policy.Texts
	ledger   *privacy.Ledger
	recorder *recording.Recorder
	sfu      *sfu.SFU

	hub        *gateway.Hub
	heads      *heads
	chat       *chat.Service
	interviews *interview.Service
	gateway    *gateway.Gateway
}

// folders of the data folder, all private.
const (
	keysFolder       = "keys"
	objectsFolder    = "objects"
	recordingsFolder = "recordings" // not yet in objects
	databaseFile     = "parley.db"
)

// openStorage opens keys first and closes them last: whatever is above seals with them. The vault's lock also keeps a
// second server out of the folder.
func (s *Server) openStorage(ctx context.Context) (err error) {
	n := &s.node
	if err := s.folders(); err != nil {
		return err
	}
	if n.vault, err = file.Open(s.path(keysFolder), file.Config{Metrics: s.metrics}); err != nil {
		return err
	}
	s.parts.closer("keys", n.vault.Close)
	if n.db, err = db.OpenSQLite(ctx, s.path(databaseFile)); err != nil {
		return err
	}
	s.parts.closer("database", n.db.Close)
	if n.objects, err = objects.Open(s.path(objectsFolder), objects.Config{Metrics: s.metrics}); err != nil {
		return err
	}
	s.parts.closer("objects", n.objects.Close)
	n.bus = local.New(local.Config{Metrics: s.metrics})
	n.revoker = n.db.Revocations()
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.cfg.Data, name) }

func (s *Server) folders() error {
	for _, name := range []string{keysFolder, objectsFolder, recordingsFolder} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}

// openRecorder seals what a crash left before anything new is recorded or shown. What can't be sealed now is tried again
// while the node serves: one broken recording does not keep all others from working.
func (s *Server) openRecorder(ctx context.Context) error {
	s.node.recorder = recording.New(recording.Config{
		Dir: s.path(recordingsFolder), Store: s.node.db.Recordings(), Bucket: s.node.objects, Vault: s.node.vault,
		Mux: mux.WebM, Node: thisNode, Build: s.cfg.Build, Log: s.log, Metrics: s.metrics,
	})
	if err := s.node.recorder.Recover(ctx); err != nil {
		s.log.ErrorContext(ctx, "recordings could not be recovered yet", slog.Any("err", err))
	}
	return nil
}
