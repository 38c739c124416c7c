package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"
)

// TLS says how the doors end TLS; the zero value is plain HTTP.
type TLS struct {
	// CertFile and KeyFile are PEM files, read again when one changes.
	CertFile, KeyFile string
	// Domains gets certificates for these names by ACME, kept below the data folder.
	Domains []string
}

func (t TLS) on() bool { return t.CertFile != "" || len(t.Domains) > 0 }

func (t TLS) config(data string, log *slog.Logger) (*tls.Config, error) {
	if len(t.Domains) > 0 {
		m := autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(t.Domains...),
			Cache: autocert.DirCache(filepath.Join(data, "acme")),
		}
		c := m.TLSConfig()
		c.MinVersion = tls.VersionTLS12
		return c, nil
	}
	files := &certFiles{cert: t.CertFile, key: t.KeyFile, log: log, now: time.Now}
	if err := files.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// certLook is how often the files are looked at, by the handshakes that come anyway.
const certLook = 5 * time.Second

// certFiles is a certificate that is read again when its files change. While they don't fit together (somebody is just
// replacing them) the one held goes on being used.
type certFiles struct {
	cert, key string
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	held   *tls.Certificate
	stamp  [2]fileStamp
	looked time.Time
}

type fileStamp struct {
	size     int64
	modified time.Time
}

func (c *certFiles) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= certLook {
		c.looked = now
		if err := c.loadLocked(); err != nil {
			c.log.WarnContext(hello.Context(), "certificate can't be read again; the old one stays in use", slog.Any("err", err))
		}
	}
	return c.held, nil
}

func (c *certFiles) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loadLocked()
}

func (c *certFiles) loadLocked() error {
	stamp, err := c.stamps()
	if err != nil || stamp == c.stamp {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if c.held != nil {
		c.log.InfoContext(context.Background(), "certificate was replaced")
	}
	c.held, c.stamp = &pair, stamp
	return nil
}

func (c *certFiles) stamps() ([2]fileStamp, error) {
	var s [2]fileStamp
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return s, fmt.Errorf("read certificate: %w", err)
		}
		s[i] = fileStamp{info.Size(), info.ModTime()}
	}
	return s, nil
}
