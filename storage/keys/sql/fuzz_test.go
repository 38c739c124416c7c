package sql

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func FuzzURL(f *testing.F) {
	for _, s := range []string{"postgres://u:s3cret!@db.example/v?sslmode=verify-full", "host=db.example password=s3cret!", "postgres://u:s3cret!@a,b:port/v",
		"postgresql:///v?host=/run/postgresql", "postgres://u:s3cret!@127.0.0.1,db.example/v?sslmode=disable"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := CheckURL(s)
		if err != nil && strings.Contains(err.Error(), "s3cret!") {
			t.Errorf("the error tells a secret: %v", err)
		}
		if err != nil {
			return
		}
		if c, err := pgx.ParseConfig(s); err != nil || !thisMachine(c.Host) && c.TLSConfig == nil {
			t.Errorf("%q leaves the machine in clear, or %v", s, err)
		}
	})
}
