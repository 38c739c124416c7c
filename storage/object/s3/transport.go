package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// newTransport speaks HTTP/1.1, so that every request has a connection of its own and a slow upload blocks no other. It
// follows no proxy of the environment: data goes to the store that was named (L4).
func newTransport(trust *x509.CertPool, stall time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &moving{c, stall}, nil
		},
		TLSClientConfig:     &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}, // A4
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     stall,
		DisableCompression:  true,
	}
}

// moving is a connection that ends when nothing moves in either direction for so long: each read or write moves the
// deadline of both, since HTTP reads all the while that it writes.
type moving struct {
	net.Conn
	stall time.Duration
}

func (m *moving) Read(p []byte) (int, error) {
	if err := m.SetDeadline(time.Now().Add(m.stall)); err != nil {
		return 0, err
	}
	return m.Conn.Read(p)
}

func (m *moving) Write(p []byte) (int, error) {
	if err := m.SetDeadline(time.Now().Add(m.stall)); err != nil {
		return 0, err
	}
	return m.Conn.Write(p)
}
