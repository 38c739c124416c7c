package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"
)

// request is the scripts' curl: `request [-token T] [-body JSON|@FILE] [-range R] [-out FILE] METHOD URL` prints the status, the headers that matter and
// the body.
func request() {
	token := flag.String("token", "", "bearer token")
	body := flag.String("body", "", "JSON body, or @FILE")
	rang := flag.String("range", "", "Range header")
	host := flag.String("host", "", "Host header")
	out := flag.String("out", "", "file for the body")
	flag.Parse()
	if flag.NArg() != 2 {
		fail(errUsageOfTest)
	}
	payload := []byte(*body)
	if name, ok := strings.CutPrefix(*body, "@"); ok {
		var err error
		payload, err = os.ReadFile(name)
		fail(err)
	}
	req, err := http.NewRequest(flag.Arg(0), flag.Arg(1), bytes.NewReader(payload))
	fail(err)
	req.Host = *host
	for header, value := range map[string]string{"Authorization": prefixed("Bearer ", word(*token)), "Range": *rang} {
		if value != "" {
			req.Header.Set(header, value)
		}
	}
	if *body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Do(req)
	fail(err)
	defer res.Body.Close()
	show(res, *out)
}

// word is s, or what stands in the file when s is @FILE.
func word(s string) string {
	name, ok := strings.CutPrefix(s, "@")
	if !ok {
		return s
	}
	b, err := os.ReadFile(name)
	fail(err)
	return strings.TrimSpace(string(b))
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func show(res *http.Response, out string) {
	fmt.Println(res.StatusCode)
	for _, h := range []string{"Content-Type", "Content-Range", "Cache-Control", "Retry-After", "X-Content-Type-Options", "Strict-Transport-Security"} {
		if v := res.Header.Get(h); v != "" {
			fmt.Printf("%s: %s\n", h, v)
		}
	}
	if res.TLS != nil {
		fmt.Println("serial", res.TLS.PeerCertificates[0].SerialNumber)
	}
	b, err := io.ReadAll(res.Body)
	fail(err)
	if out != "" {
		fail(os.WriteFile(out, b, 0o600))
		return
	}
	fmt.Printf("%s\n", b)
}

// selfSigned writes a new certificate for localhost.
func selfSigned(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600)
}
