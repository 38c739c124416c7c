package exchange_test

import (
	"path/filepath"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/exchange"
	"parley/internal/testenv/engines"
	"parley/signal/gateway"
	"parley/storage/db"
)

var _ gateway.Exchanges = (*exchange.Service)(nil)

// forEachStore runs f over the store in memory and over each database.
func forEachStore(t *testing.T, f func(t *testing.T, s chat.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, &chattest.Memory{}) })
	t.Run("sqlite", func(t *testing.T) {
		d, err := db.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "parley.db"))
		f(t, chatOf(t, d, err))
	})
	t.Run("postgres", func(t *testing.T) {
		d, err := db.OpenPostgres(t.Context(), engines.PostgreSQL(t), db.PostgresConfig{})
		f(t, chatOf(t, d, err))
	})
}

func chatOf(t *testing.T, d *db.DB, err error) chat.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.Chat()
}
