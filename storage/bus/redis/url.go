package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Times of a connection.
const (
	dialTimeout    = 2 * time.Second
	commandTimeout = 2 * time.Second // a pipeline and its answers
)

// CheckURL says whether the URL is one that [New] takes:
//
//	rediss://[user:password@]host[:port][/db]                       TLS
//	redis://…                                                      on a loopback address only (A4)
//	unix://[user:password@]/path[?db=n]
//	rediss://[user:password@]sentinel[:port][/db]?master_name=…     Sentinel; the user is the Sentinel's
//	        [&addr=sentinel:port]… [&username=…][&password=…]       these are Redis' own
//
// Its error names nothing of the URL that is secret.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// place is where Redis is: a server, or Sentinels that know it.
type place struct {
	server    *goredis.Options
	sentinels *goredis.FailoverOptions
}

func parseURL(text string) (place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "unix" && u.Hostname() == "" {
		return place{}, errors.New("redis URL: write it as rediss://user:password@host:port/db") // the parser's error quotes it
	}
	q := u.Query()
	if q.Get("skip_verify") != "" {
		return place{}, errors.New("redis URL: skip_verify is refused; name the authority that signed the certificate as trusted (A4)")
	}
	if u.Scheme == "redis" {
		if err := stayHere(append(q["addr"], u.Host)); err != nil {
			return place{}, err
		}
	}
	if q.Get("master_name") != "" {
		return parseSentinels(text)
	}
	o, err := goredis.ParseURL(text)
	if err != nil {
		return place{}, errParts
	}
	return place{server: o}, nil
}

// errParts stands for the library's errors, which quote what they do not like.
var errParts = errors.New("redis URL: the scheme is redis, rediss or unix, the path a number, and each parameter one that go-redis knows")

func parseSentinels(text string) (place, error) {
	o, err := goredis.ParseFailoverURL(text)
	if err != nil {
		return place{}, errParts
	}
	if o.RouteByLatency || o.RouteRandomly || o.ReplicaOnly {
		return place{}, errors.New("redis URL: the bus needs the master; leave out what routes to replicas")
	}
	return place{sentinels: o}, nil
}

// stayHere refuses addresses that plain text would leave the machine for (A4).
func stayHere(addrs []string) error {
	for _, a := range addrs {
		if !loopback(a) {
			return errPlainText
		}
	}
	return nil
}

var errPlainText = errors.New("redis: a connection that leaves this machine needs TLS: write rediss:// (A4)")

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client makes a client of the place. It has no connections yet. It tries each command once: what is not known to be
// published may be lost, and who is behind a probe is not to be kept waiting.
func (p place) client(trust *x509.CertPool) *goredis.Client {
	if p.sentinels == nil {
		o := *p.server
		o.Dialer = dialer(o.TLSConfig, trust)
		o.Protocol, o.MaxRetries, o.DialerRetries, o.PipelinePoolSize = 2, -1, 1, -1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, commandTimeout, commandTimeout
		o.ContextTimeoutEnabled, o.DisableIdentity = true, true
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return goredis.NewClient(&o)
	}
	o := *p.sentinels
	o.Dialer = dialer(o.TLSConfig, trust)
	o.Protocol, o.MaxRetries, o.DialerRetries, o.PipelinePoolSize = 2, -1, 1, -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = dialTimeout, commandTimeout, commandTimeout
	o.ContextTimeoutEnabled, o.DisableIdentity = true, true
	return goredis.NewFailoverClient(&o)
}

// dialer makes the connections, so that one rule holds for the address in the URL and for those that a Sentinel names:
// TLS with a certificate for the very host, or a host that is this machine (A4).
func dialer(secure *tls.Config, trust *x509.CertPool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if secure == nil && network != "unix" && !loopback(addr) {
			return nil, errPlainText
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil || secure == nil || network == "unix" {
			return conn, err
		}
		return handshake(ctx, conn, secure, trust, addr)
	}
}

func handshake(ctx context.Context, conn net.Conn, secure *tls.Config, trust *x509.CertPool, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("address of redis: %w", err), conn.Close())
	}
	conf := secure.Clone()
	conf.RootCAs, conf.ServerName = trust, host
	c := tls.Client(conn, conf)
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}
