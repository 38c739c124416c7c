package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"parley/internal/audit"
	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/outbox"
	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/recording"
	"parley/recording/mux"
	"parley/signal/gateway"
	"parley/signal/interview"
	"parley/signal/interview/remote"
	"parley/signal/sfu"
	"parley/storage/bus"
	"parley/storage/db"
	"parley/storage/keys/file"
	"parley/storage/object"
)

// node is what a server is made of, bottom floor first.
type node struct {
	name    string // of this node, among all
	vault   Vault
	objects object.Bucket
	canary  runner // proves the store again and again; nil for a folder
	db      *db.DB
	bus     bus.Bus
	wire    runner // what carries the bus to other nodes; nil within one process
	cluster *cluster.Cluster
	calls   net.Listener // of other nodes; nil for a node that is alone
	outbox  *outbox.Outbox

	revoker  identity.Revoker
	grants   *grant.Grants
	verifier *identity.Verifier
	audit    *audit.Log
	texts    *policy.Texts
	ledger   *privacy.Ledger
	recorder *recording.Recorder
	sfu      *sfu.SFU

	hub   *gateway.Hub
	heads *heads
	talk
	interviews *interview.Service // those of this node
	router     *remote.Router     // to all, wherever they are
	gateway    *gateway.Gateway
}

// folders of the data folder, all private.
const (
	KeysFolder       = "keys" // of the embedded vault
	objectsFolder    = "objects"
	recordingsFolder = "recordings" // not yet in objects
	databaseFile     = "parley.db"
	lockFile         = "lock"
	storeFile        = "store" // which S3 store was proved
)

// openStorage opens keys first and closes them last: whatever is above seals with them. The folder's lock keeps a second
// server out of it.
func (s *Server) openStorage(ctx context.Context) (err error) {
	if err := s.folders(); err != nil {
		return err
	}
	lock, err := file.Lock(s.path(lockFile))
	if err != nil {
		return err
	}
	s.parts.closer("data folder", lock.Close)
	if s.node.name, err = nodeName(s.cfg.Data); err != nil {
		return err
	}
	for _, open := range []func(context.Context) error{s.openVault, s.openDatabase, s.openObjects, s.openBus} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	s.node.revoker = s.node.db.Revocations()
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.cfg.Data, name) }

func (s *Server) folders() error {
	for _, name := range []string{objectsFolder, recordingsFolder} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}

// alive says whether another node lives, so that nobody takes its recordings from it.
func (s *Server) alive(ctx context.Context, node string) (bool, error) {
	return s.node.cluster.Alive(ctx, cluster.NodeID(node))
}

// openRecorder seals what a crash left before anything new is recorded or shown. What can't be sealed now is tried again
// while the node serves: one broken recording does not keep all others from working.
func (s *Server) openRecorder(ctx context.Context) error {
	// To bring what runs from one folder to another on the same disk would save nothing from that disk's loss.
	var every time.Duration
	if s.cfg.Engines.S3 == "" {
		every = -1
	}
	s.node.recorder = recording.New(recording.Config{
		UploadEvery: every, Events: s.node.outbox != nil,
		Dir: s.path(recordingsFolder), Store: s.node.db.Recordings(), Bucket: s.node.objects, Vault: s.node.vault,
		Mux: mux.WebM, Node: s.node.name, Build: s.cfg.Build, Alive: s.alive, Log: s.log, Metrics: s.metrics,
	})
	if err := s.node.recorder.Recover(ctx); err != nil {
		s.log.ErrorContext(ctx, "recordings could not be recovered yet", slog.Any("err", err))
	}
	return nil
}
