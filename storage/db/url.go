package db

import (
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	errURL   = errors.New("db: the database URL can't be read; it looks like postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=/path/ca.crt")
	errClear = errors.New("db: the database is on another machine and its URL does not insist on TLS with a server whose certificate is checked; add sslmode=verify-full (and sslrootcert=FILE for an authority of your own)")
	errText  = errors.New("db: the database URL asks for simple_protocol, which writes values into the text of statements, and PostgreSQL logs that; behind a pooler write default_query_exec_mode=cache_describe")
)

// connectTimeout bounds the way to a new connection, for each host of the URL, unless the URL has connect_timeout.
const connectTimeout = 5 * time.Second

// CheckURL says whether the URL can be read and every way to the server that it allows is encrypted, with the server's
// certificate checked, wherever it leaves the machine (A4). sslmode=disable, allow, prefer (what PostgreSQL assumes) and
// require without sslrootcert are refused unless the host is a loopback address or a socket. So is what would put values into the
// text of statements: that stands in PostgreSQL's log, values don't. The errors hold nothing of the URL.
func CheckURL(url string) error {
	c, err := parseURL(url)
	if err != nil {
		return err
	}
	ways := []*pgx.ConnConfig{c}
	for _, f := range c.Fallbacks {
		way := c.Copy()
		way.Host, way.TLSConfig = f.Host, f.TLSConfig
		ways = append(ways, way)
	}
	for _, way := range ways {
		if !local(way.Host) && !checked(way) {
			return errClear
		}
	}
	return nil
}

// parseURL reads a URL, or the keywords that PostgreSQL also takes, with the environment's PG variables as defaults.
func parseURL(url string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil || url == "" {
		return nil, errURL
	}
	if c.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errText
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	c.DialFunc = dial
	return c, nil
}

// local is whether what is sent to the host stays on this machine.
func local(host string) bool {
	if host == "localhost" || len(host) > 0 && host[0] == '/' {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// checked is whether TLS is used and some check of the certificate is made: with sslmode=verify-ca that is a function.
func checked(c *pgx.ConnConfig) bool {
	return c.TLSConfig != nil && (!c.TLSConfig.InsecureSkipVerify || c.TLSConfig.VerifyPeerCertificate != nil || c.TLSConfig.VerifyConnection != nil)
}
