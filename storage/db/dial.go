package db

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// unanswered is how long a connection may be silent before it counts as broken.
const unanswered = 18 * time.Second

// line is a connection whose errors hold no addresses.
type line struct{ net.Conn }

// Read implements [net.Conn].
func (l line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	return n, withoutAddress(err)
}

// Write implements [net.Conn].
func (l line) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	return n, withoutAddress(err)
}

func withoutAddress(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return &net.OpError{Op: op.Op, Net: op.Net, Err: op.Err}
	}
	return err
}

// dial connects so that a server which is gone without a word is noticed within seconds: by probes while nothing is under way,
// by unacknowledged bytes otherwise. A caller without a deadline would else hold its connection for a quarter of an hour.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: unanswered / 2, Interval: unanswered / 6, Count: 3},
		Control:         impatient,
	}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return line{c}, nil
}

// unreachable is an error of connecting. Its cause can be asked for, not read.
type unreachable struct{ cause error }

// Unwrap is the cause.
func (e *unreachable) Unwrap() error { return e.cause }

// Error tells the kind of the cause.
func (e *unreachable) Error() string { return "connect to database: " + e.reason() }

// barred says what to do about a refusal to let the server in at all. PostgreSQL's own words name the user and the database.
var barred = map[string]string{
	"28P01": "the URL's user or password is refused",
	"28000": "the URL's user may not come in; create the user, or let it in by pg_hba.conf",
	"3D000": "there is no database of the URL's name; create it with the URL's user as its owner",
}

func (e *unreachable) reason() string {
	var untrusted *tls.CertificateVerificationError
	var name *net.DNSError
	var refusal *pgconn.PgError
	switch {
	case errors.As(e.cause, &refusal):
		return fmt.Sprintf("%s (SQLSTATE %s)", cmp.Or(barred[refusal.Code], refusal.Message), refusal.Code)
	case errors.As(e.cause, &untrusted):
		return "the server's certificate does not verify"
	case errors.As(e.cause, &name):
		return "the host's name can't be resolved"
	case errors.Is(e.cause, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(e.cause, context.Canceled):
		return context.Canceled.Error()
	case errors.Is(e.cause, context.DeadlineExceeded), pgconn.Timeout(e.cause):
		return "timed out"
	}
	return "no connection"
}
