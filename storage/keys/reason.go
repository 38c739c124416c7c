package keys

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// Reason keeps of an error of the network what helps its reader, and says no address and no credential. Errors of
// vaults and root keys are made of it.
func Reason(err error) string {
	var (
		errno     syscall.Errno
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the caller gave up"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it takes too long"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &name):
		return "its name is not known"
	case errors.As(err, &authority):
		return "its certificate is by an unknown authority"
	case errors.As(err, &host), errors.As(err, &invalid):
		return "its certificate is not valid for it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "it closed the connection"
	}
	return "the connection failed"
}
