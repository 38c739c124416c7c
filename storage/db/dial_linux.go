package db

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unanswered is how long sent bytes may stay unacknowledged before a connection counts as broken.
const unanswered = 18 * time.Second

func impatient(network, _ string, c syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	outer := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unanswered.Milliseconds()))
	})
	if outer != nil {
		return outer
	}
	return err
}
