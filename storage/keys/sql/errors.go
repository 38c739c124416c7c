package sql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"parley/storage/keys"
)

// Errors of this package.
var (
	// ErrClosed says that the vault was closed.
	ErrClosed = errors.New("keys: vault is closed")
	// ErrNewerSchema says that the database was written by a newer Parley than this one.
	ErrNewerSchema = errors.New("keys: schema of the vault is newer than this program; run the version that wrote it, or a later one")
	// ErrNotAlone says that the database holds tables that are not the vault's.
	ErrNotAlone = errors.New("keys: the database holds other tables; the vault needs a database of its own, so that no other dump holds keys")
	// ErrRotating says that another node is at the same rotation.
	ErrRotating = errors.New("keys: another node is rotating the root key")
)

// barred says what to do about a refusal to let the vault in at all. PostgreSQL's own words name the user and the database.
var barred = map[string]string{
	"28P01": "the user or password of its URL is wrong",
	"28000": "the user of its URL may not come in; create the user, or let it in by pg_hba.conf",
	"3D000": "it does not exist; create it with the user of its URL as its owner",
	"42501": "the user of its URL lacks a right; make that user the owner of a database that is the vault's alone",
}

// storeError is an error of the database whose text says no address, user or credential.
type storeError struct{ cause error }

func (e *storeError) Unwrap() error { return e.cause }

func (e *storeError) Error() string {
	var refused *pgconn.PgError
	if errors.As(e.cause, &refused) {
		return fmt.Sprintf("the vault's database refuses: %s (SQLSTATE %s)", cmp.Or(barred[refused.Code], refused.Message), refused.Code)
	}
	if strings.Contains(e.cause.Error(), "refused TLS") {
		return "the vault's database does not speak TLS: give it a certificate"
	}
	return fmt.Sprintf("the vault's database does not answer (%s)", keys.Reason(e.cause))
}

// stored wraps an error of the driver; nil stays nil.
func stored(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// unanswered says of an error of the driver that the connection broke, so that another try by another connection may
// do. The statement may have taken effect.
func unanswered(err error) bool {
	var store *storeError
	var refused *pgconn.PgError
	return errors.As(err, &store) && (!errors.As(err, &refused) || refused.Code == "57P01") && // admin shutdown
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// dropped says that a row refers to a generation that a rotation has dropped meanwhile.
func dropped(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23503"
}
