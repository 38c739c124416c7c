package db

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"parley/internal/testenv/engines"
)

func TestNodesThatStartAtOnceMigrateOnce(t *testing.T) {
	url := engines.PostgreSQL(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			d, err := OpenPostgres(t.Context(), url, PostgresConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var again int
	err := openURL(t, url).read.QueryRow(`SELECT count(*) FROM (SELECT FROM goose_db_version GROUP BY version_id HAVING count(*) > 1) v`).Scan(&again)
	if err != nil || again != 0 {
		t.Errorf("%d versions were applied more than once, %v", again, err)
	}
}

// steps is a set of migrations that make a table each.
func steps(names ...string) fs.FS {
	files := fstest.MapFS{}
	for _, n := range names {
		files[n+".sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE t" + n[:5] + " (x INTEGER);\n")}
	}
	return files
}

func TestMigrationsMayHaveGapsButNeverComeTooLate(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		name, _ := d.dialect.goose()
		exec(t, d, `DROP TABLE goose_db_version`)
		if err := migrateTo(t.Context(), d.write, name, steps("90001_a", "90003_c")); err != nil {
			t.Fatalf("a gap: %v", err)
		}
		if err := migrateTo(t.Context(), d.write, name, steps("90001_a", "90002_b", "90003_c")); err == nil {
			t.Error("a file below the highest applied one was accepted")
		}
		if err := migrateTo(t.Context(), d.write, name, steps("90001_a", "90003_c", "90009_d")); err != nil {
			t.Errorf("a file above: %v", err)
		}
		if err := migrateTo(t.Context(), d.write, name, steps("90001_a", "90003_c")); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("an older program: %v, want %v", err, ErrNewerSchema)
		}
		exec(t, d, `SELECT x FROM t90009`)
	})
}

func TestEveryMigrationIsThereForBothEngines(t *testing.T) {
	var names [2][]string
	for i, d := range []dialect{sqliteDialect, postgresDialect} {
		_, dir := d.goose()
		files, err := fs.Glob(migrations, path.Join(dir, "*.sql"))
		if err != nil || len(files) < 6 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, f := range files {
			names[i] = append(names[i], path.Base(f))
		}
	}
	if !slices.Equal(names[0], names[1]) {
		t.Errorf("%v and %v", names[0], names[1])
	}
}

func TestTheVaultsDatabaseIsRefused(t *testing.T) {
	url := engines.PostgreSQL(t)
	exec(t, openURL(t, url), `CREATE SCHEMA other CREATE TABLE vault_keys (x INTEGER)`)
	if d, err := OpenPostgres(t.Context(), url, PostgresConfig{}); !errors.Is(err, ErrVaultDatabase) {
		if err == nil {
			d.Close()
		}
		t.Errorf("error %v, want %v", err, ErrVaultDatabase)
	}
}
