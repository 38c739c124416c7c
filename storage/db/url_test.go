package db

import (
	"errors"
	"strings"
	"testing"
)

func TestTheWayToTheDatabaseIsEncryptedAndChecked(t *testing.T) { // A4
	for _, name := range []string{"PGHOST", "PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	for url, want := range map[string]error{
		"postgres://u:p@db.example/n?sslmode=verify-full":                                   nil,
		"postgres://u:p@db.example/n?sslmode=verify-ca":                                     nil,
		"postgres://u:p@a.example,b.example/n?sslmode=verify-full":                          nil,
		"host=db.example user=u sslmode=verify-full":                                        nil,
		"postgres://u:p@db.example/n?sslmode=require":                                       errClear,
		"postgres://u:p@db.example/n?sslmode=prefer":                                        errClear,
		"postgres://u:p@db.example/n?sslmode=allow":                                         errClear,
		"postgres://u:p@db.example/n?sslmode=disable":                                       errClear,
		"postgres://u:p@db.example/n":                                                       errClear,
		"host=db.example user=u":                                                            errClear,
		"postgres://u:p@10.0.0.1/n":                                                         errClear,
		"postgres://u:p@localhost,db.example/n":                                             errClear,
		"postgres://u:p@localhost.example/n":                                                errClear,
		"postgres://u:p@localhost/n":                                                        nil,
		"postgres://u:p@127.0.0.1:5432/n?sslmode=disable":                                   nil,
		"postgres://u:p@[::1]/n":                                                            nil,
		"postgres:///n?host=/run/postgresql":                                                nil,
		"":                                                                                  errURL,
		"postgres://u:secret@db.example:port/n":                                             errURL,
		"postgres://u:secret@db.example/n?sslmode=verify":                                   errURL,
		"postgres://u:secret@db.example/n?sslmode=verify-full&sslrootcert=/nonexistent/ca1": errURL,
	} {
		err := CheckURL(url)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", url, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "db.example")) {
			t.Errorf("%s: the error shows of the URL: %v", url, err)
		}
	}
}

func TestAnUncheckedWayIsNotOpened(t *testing.T) { // A4
	d, err := OpenPostgres(t.Context(), "postgres://u:p@db.invalid/n", PostgresConfig{})
	if !errors.Is(err, errClear) {
		t.Errorf("error %v, want %v", err, errClear)
	}
	if err == nil {
		d.Close()
	}
}

func TestTheEnvironmentCantWeakenTheWay(t *testing.T) {
	t.Setenv("PGSSLMODE", "disable")
	if err := CheckURL("postgres://u:p@db.example/n"); !errors.Is(err, errClear) {
		t.Errorf("error %v, want %v", err, errClear)
	}
	t.Setenv("PGHOST", "db.example")
	if err := CheckURL("postgres:///n"); !errors.Is(err, errClear) {
		t.Errorf("a host of the environment: %v, want %v", err, errClear)
	}
}
