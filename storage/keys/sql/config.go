package sql

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"parley/storage/keys"
)

// Config is what a [Vault] is told. URL and Root are required.
type Config struct {
	// URL is the address of the database, postgres://user:password@host/database; see [CheckURL]. The user owns the
	// database. A pooler between must be in session mode: a lock is held over statements while a root key is rotated.
	URL string
	// Root is the root key; every node has the same one, except while it is changed.
	Root keys.Root
	// Cache is how many unwrapped data keys are kept in memory; 0 means 4096.
	Cache int
	// Revalidate is how long after its destruction by another node a key may still be opened by this one; 0 means 5
	// seconds. A shorter one costs more small queries: two in that time.
	Revalidate time.Duration
	// Timeout bounds every call that asks the database; 0 means 10 seconds.
	Timeout time.Duration
	// MaxConns is how many connections the node holds at most, beside the one that listens; 0 means 4.
	MaxConns int32
	// Metrics registers parley_keys_created_total, parley_keys_destroyed_total and
	// parley_keys_revalidation_failures_total; nil keeps them private.
	Metrics prometheus.Registerer
	// Log takes what goes wrong in the background; nil means nothing does.
	Log *slog.Logger
}

const (
	defaultRevalidate = 5 * time.Second
	defaultTimeout    = 10 * time.Second
	defaultMaxConns   = 4
	minMaxConns       = 2 // one holds the lock of a start while another migrates
)

func (c Config) withDefaults() Config {
	if c.Revalidate <= 0 {
		c.Revalidate = defaultRevalidate
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	c.MaxConns = max(c.MaxConns, minMaxConns)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// CheckURL says whether the vault may be reached by that URL: any host but this machine must be verified by TLS (A4),
// which is sslmode=verify-full or verify-ca. Parameters of the environment (PGSSLMODE and the like) count as well.
func CheckURL(url string) error {
	c, err := parseURL(url)
	if err != nil {
		return err
	}
	hosts := append([]*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
	for _, h := range hosts {
		if !thisMachine(h.Host) && !verifies(h.TLSConfig) {
			return errors.New("address of the vault: it is on another machine, whose certificate must be verified: add sslmode=verify-full")
		}
	}
	return nil
}

func parseURL(url string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errors.New("address of the vault: it must begin with postgres://")
	}
	c, err := pgx.ParseConfig(url)
	if err != nil { // its words may quote the URL, and with it a password
		return nil, errors.New("address of the vault: it must read postgres://user:password@host/database?sslmode=verify-full, " +
			"and files it names must be readable")
	}
	if c.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("address of the vault: simple_protocol would write keys into the text of statements, which PostgreSQL logs; " +
			"behind a pooler write default_query_exec_mode=cache_describe")
	}
	return c, nil
}

func verifies(c *tls.Config) bool {
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil)
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}
