package db

import (
	"database/sql"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"parley/internal/testenv/engines"
)

func TestASilentServerIsNoticed(t *testing.T) {
	d := openURL(t, engines.PostgreSQL(t))
	for name, pool := range map[string]*sql.DB{"write": d.write, "read": d.read.DB} {
		if got := patience(t, pool); got != int(unanswered.Milliseconds()) {
			t.Errorf("%s: bytes may stay unanswered for %d ms, want %v", name, got, unanswered)
		}
	}
}

// patience is the option of a connection of the pool, in milliseconds.
func patience(t *testing.T, pool *sql.DB) (ms int) {
	t.Helper()
	c, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(c any) error {
		raw, err := c.(quietConn).Conn.Conn().PgConn().Conn().(line).Conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			return err
		}
		var inner error
		err = raw.Control(func(fd uintptr) { ms, inner = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) })
		if err != nil {
			return err
		}
		return inner
	})
	if err != nil {
		t.Fatal(err)
	}
	return ms
}
