package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// CertName is the DNS name in every node's certificate. Which node it is does not matter: nodes trust each other, and their
// addresses change.
const CertName = "node.parley.internal"

// Files of the folder of credentials.
const (
	caFile   = "ca.crt" // one or several authorities, PEM
	certFile = "node.crt"
	keyFile  = "node.key"
)

// lookEvery is how often the files are looked at, by the handshakes that come anyway.
const lookEvery = 5 * time.Second

// credentials are read again when their files change. While they don't fit together (somebody is just replacing them) those
// held go on being used.
type credentials struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate // nil until first read
	roots  *x509.CertPool
	stamp  [3]stamp
	looked time.Time
}

type stamp struct {
	size     int64
	modified time.Time
}

// load reads the files; they must be good.
func (c *credentials) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *credentials) current() (*tls.Certificate, *x509.CertPool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookEvery || c.pair == nil {
		c.looked = time.Now()
		if err := c.read(); err != nil {
			if c.pair == nil {
				return nil, nil, err
			}
			c.log.WarnContext(context.Background(), "credentials of the cluster can't be read again; the old ones stay in use", slog.Any("err", err))
		}
	}
	return c.pair, c.roots, nil
}

func (c *credentials) read() error {
	if c.dir == "" {
		return errors.New("a folder with ca.crt, node.crt and node.key is required to call other nodes")
	}
	now, err := c.stamps()
	if err != nil || now == c.stamp {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(c.dir, caFile))
	if err != nil {
		return fmt.Errorf("read authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return errors.New("read authorities: there is no certificate in " + caFile)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.dir, certFile), filepath.Join(c.dir, keyFile))
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if err := check(pair.Leaf, roots); err != nil {
		return err
	}
	c.pair, c.roots, c.stamp = &pair, roots, now
	return nil
}

// check finds out now what every handshake would find out later.
func check(leaf *x509.Certificate, roots *x509.CertPool) error {
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		o := x509.VerifyOptions{Roots: roots, DNSName: CertName, KeyUsages: []x509.ExtKeyUsage{use}}
		if _, err := leaf.Verify(o); err != nil {
			return fmt.Errorf("certificate of the node: %w", err)
		}
	}
	return nil
}

func (c *credentials) stamps() ([3]stamp, error) {
	var s [3]stamp
	for i, name := range []string{caFile, certFile, keyFile} {
		info, err := os.Stat(filepath.Join(c.dir, name))
		if err != nil {
			return s, fmt.Errorf("read credentials: %w", err)
		}
		s[i] = stamp{info.Size(), info.ModTime()}
	}
	return s, nil
}

// client is how this node calls.
func (c *credentials) client() (*tls.Config, error) {
	pair, roots, err := c.current()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, ServerName: CertName, RootCAs: roots,
		Certificates: []tls.Certificate{*pair}}, nil
}

// server is how this node is called: only by those who show a certificate of the authority with the cluster's name.
func (c *credentials) server() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			pair, roots, err := c.current()
			if err != nil {
				return nil, err
			}
			return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*pair},
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, SessionTicketsDisabled: true,
				VerifyConnection: func(s tls.ConnectionState) error { return s.PeerCertificates[0].VerifyHostname(CertName) }}, nil
		}}
}
