package engines

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFreshDatabasesAreEmptyAndApart(t *testing.T) {
	one, two := PostgreSQL(t), PostgreSQL(t)
	c, err := pgx.Connect(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "CREATE TABLE a (b INT)"); err != nil {
		t.Fatal(err)
	}
	other, err := pgx.Connect(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	if _, err := other.Exec(t.Context(), "SELECT * FROM a"); err == nil {
		t.Error("the table is in another database")
	}
}

func TestAnEngineComesBackAfterAKill(t *testing.T) {
	type engine interface {
		Kill() error
		Start(context.Context) error
		dial(context.Context) error
	}
	for name, e := range map[string]engine{"redis": Redis(t), "minio": MinIO(t), "postgres": OwnPostgreSQL(t)} {
		if err := e.Kill(); err != nil {
			t.Fatal(err)
		}
		if e.dial(t.Context()) == nil {
			t.Errorf("%s still listens after a kill", name)
		}
		if err := e.Start(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClosingTakesTheData(t *testing.T) {
	p := Redis(t)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data: %v, want none", err)
	}
}
