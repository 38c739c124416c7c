package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// caKeyFile is the authority's secret. It belongs on no node.
const caKeyFile = "ca.key"

// MakeAuthority writes a new authority into the folder: ca.crt, which every node gets, and ca.key, which signs their
// certificates and is best kept off line. Files that are there already are not overwritten.
func MakeAuthority(dir string, life time.Duration) error {
	t := template("Parley cluster", life)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	t.MaxPathLenZero = true
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make authority: %w", err)
	}
	return write2(dir, caFile, caKeyFile, t, t, key, key)
}

// MakeNode writes credentials for one node into the folder, signed by the authority in another: node.crt and node.key, with
// the authority's ca.crt beside them. Files that are there already are replaced, so that a running node takes them up.
func MakeNode(authority, dir string, life time.Duration) error {
	ca, err := tls.LoadX509KeyPair(filepath.Join(authority, caFile), filepath.Join(authority, caKeyFile))
	if err != nil {
		return fmt.Errorf("read authority: %w", err)
	}
	signer, ok := ca.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return errors.New("read authority: its key is of another kind than MakeAuthority makes")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	t := template("Parley node", life)
	t.DNSNames, t.KeyUsage = []string{CertName}, x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	root, err := os.ReadFile(filepath.Join(authority, caFile))
	if err != nil {
		return fmt.Errorf("read authority: %w", err)
	}
	if err := replace(filepath.Join(dir, caFile), root); err != nil {
		return err
	}
	for _, name := range []string{certFile, keyFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("make certificate: %w", err)
		}
	}
	return write2(dir, certFile, keyFile, t, ca.Leaf, key, signer)
}

func template(name string, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life)}
}

// write2 signs the certificate and writes it and its key into new files.
func write2(dir, certName, keyName string, t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) error {
	cert, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return fmt.Errorf("sign certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	for name, block := range map[string]*pem.Block{keyName: {Type: "PRIVATE KEY", Bytes: secret}, certName: {Type: "CERTIFICATE", Bytes: cert}} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
		if err := errors.Join(pem.Encode(f, block), f.Close()); err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	return nil
}

func replace(path string, b []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write credentials: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	return nil
}
