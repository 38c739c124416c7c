package root

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// reason keeps of a network error what helps and says no address.
func reason(err error) error {
	var (
		errno     syscall.Errno
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &name):
		return errors.New("its name is not known")
	case errors.As(err, &authority):
		return errors.New("its certificate is by an unknown authority")
	case errors.As(err, &host), errors.As(err, &invalid):
		return errors.New("its certificate is not valid for it")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("it takes too long")
	}
	return errors.New("the connection failed")
}
