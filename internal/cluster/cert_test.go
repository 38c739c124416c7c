package cluster_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
)

// misnamed makes a certificate of the authority for another purpose: it does not carry the cluster's name.
func misnamed(t *testing.T, authority string) string {
	t.Helper()
	ca, err := tls.LoadX509KeyPair(filepath.Join(authority, "ca.crt"), filepath.Join(authority, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"db.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := os.ReadFile(filepath.Join(authority, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"ca.crt":   root,
		"node.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		"node.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCredentialsThatNobodyWouldAcceptAreRefusedAtOnce(t *testing.T) {
	authority := clustertest.Authority(t)
	mixed := clustertest.Credentials(t, authority)
	root, err := os.ReadFile(filepath.Join(clustertest.Authority(t), "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mixed, "ca.crt"), root, 0o600); err != nil {
		t.Fatal(err)
	}
	expired := t.TempDir()
	if err := cluster.MakeNode(authority, expired, -time.Minute); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"another name": misnamed(t, authority), "another authority": mixed, "expired": expired} {
		c := cluster.New(cluster.Config{Store: &clustertest.Memory{}, Node: "a", Address: "127.0.0.1:1", TLS: dir})
		if err := c.Join(t.Context()); err == nil {
			t.Errorf("joined with credentials of the wrong kind: %s", what)
		}
	}
}

func TestAnAuthorityIsNotOverwritten(t *testing.T) {
	dir := clustertest.Authority(t)
	before, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.MakeAuthority(dir, time.Hour); err == nil {
		t.Error("it was made again")
	}
	after, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil || string(after) != string(before) {
		t.Errorf("its key changed, %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its key is open to others: %v, %v", info.Mode(), err)
	}
}
