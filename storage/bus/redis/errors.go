package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	goredis "github.com/redis/go-redis/v9"
)

// Why a link ends.
var (
	errSilent = errors.New("two probes did not come back")
	errEnded  = errors.New("the link has ended")
)

// What a caller did wrong.
var (
	errNoNode    = errors.New("the node has no name")
	errOtherNode = errors.New("the bus is another node's")
)

// plain is an error that may be logged: addresses, names of hosts and what a server quotes of a command are left out.
func plain(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("look up host: %s", e.Err)
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("certificate of redis refused: %T", e.Err)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%s: %s", e.Op, cause(e.Err))
	}
	if e, ok := errors.AsType[goredis.Error](err); ok {
		word, _, _ := strings.Cut(e.Error(), " ")
		return fmt.Errorf("redis answers %s", word)
	}
	for _, known := range []error{errSilent, errEnded, errPlainText, io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded, context.Canceled, net.ErrClosed} {
		if errors.Is(err, known) {
			return known
		}
	}
	return fmt.Errorf("failed with %T", err)
}

func cause(err error) string {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "time-out"
	}
	return fmt.Sprintf("failed with %T", err)
}
