package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/minio/minio-go/v7"
)

// answer is a refusal of the store. It drops the store's own words, which may name accounts and addresses.
type answer struct {
	status int
	code   string
	region string
}

func (a *answer) Error() string { return fmt.Sprintf("store answers %d %s", a.status, a.code) }

// lost says that no answer came, so that the outcome is unknown.
type lost struct {
	why   string
	cause error
}

func (l *lost) Error() string { return "no answer from the store: " + l.why }
func (l *lost) Unwrap() error { return l.cause }

var errSlow = &lost{why: "took too long"}

// plain turns an error of the client into one without addresses and URLs.
func plain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a := (minio.ErrorResponse{}); errors.As(err, &a) && a.StatusCode != 0 {
		return &answer{a.StatusCode, a.Code, a.Region}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errSlow
	}
	return &lost{why: why(err)}
}

func why(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		errno     syscall.Errno
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case errors.As(err, &invalid):
		return invalid.Error()
	case errors.As(err, &record):
		return "it does not speak TLS"
	case errors.As(err, &dns):
		return "its name does not resolve"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the connection stood still"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended"
	}
	return "the connection failed"
}

// status is the store's, or 0.
func status(err error) int {
	if a := (*answer)(nil); errors.As(err, &a) {
		return a.status
	}
	return 0
}

// refused says whether the store understood a request and declined it, for good.
func refused(err error) bool {
	s := status(err)
	return (s >= 400 && s < 500 || s == http.StatusNotImplemented) && s != http.StatusNotFound && !mayPass(err)
}

// passing are codes of refusals that may pass: something else is going on at the key, or bytes changed on their way.
var passing = map[string]bool{"ConditionalRequestConflict": true, "OperationAborted": true, "BadDigest": true,
	"XAmzContentSHA256Mismatch": true, "IncompleteBody": true, "RequestTimeout": true, "SlowDown": true}

// mayPass says whether the same request may succeed if it is made again.
func mayPass(err error) bool {
	if l := (*lost)(nil); errors.As(err, &l) {
		return true
	}
	a := (*answer)(nil)
	if !errors.As(err, &a) || a.status == http.StatusInsufficientStorage || a.status == http.StatusNotImplemented {
		return false
	}
	return a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || passing[a.code]
}
