package db

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"parley/internal/testenv/engines"
)

// selfSigned is a certificate for 127.0.0.1 that is its own authority, with its key, both PEM.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// encrypted makes the server speak TLS and returns a file with its authority.
func encrypted(t *testing.T, server *engines.Postgres) (authority string) {
	t.Helper()
	cert, key := selfSigned(t)
	data := filepath.Join(server.Dir, "data")
	like, err := os.Stat(filepath.Join(data, "postgresql.conf"))
	if err != nil {
		t.Fatal(err)
	}
	settings := []byte("ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n")
	for name, content := range map[string][]byte{"server.crt": cert, "server.key": key, "postgresql.auto.conf": settings} {
		file := filepath.Join(data, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		owner := like.Sys().(*syscall.Stat_t)
		if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return authorityFile(t, cert)
}

func authorityFile(t *testing.T, cert []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheServersCertificateIsChecked(t *testing.T) { // A4
	server := engines.OwnPostgreSQL(t)
	plain, err := server.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	authority := encrypted(t, server)
	other, _ := selfSigned(t)
	with := func(file string) string {
		return strings.Replace(plain, "sslmode=disable", "sslmode=verify-full&sslrootcert="+url.QueryEscape(file), 1)
	}
	var tls bool
	d := openURL(t, with(authority))
	if err := d.write.QueryRow(`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&tls); err != nil || !tls {
		t.Errorf("encrypted: %v, %v", tls, err)
	}
	stranger, err := OpenPostgres(t.Context(), with(authorityFile(t, other)), PostgresConfig{})
	if err == nil {
		stranger.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("another authority: %v, want an error about the certificate", err)
	}
}
