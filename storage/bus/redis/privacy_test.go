package redis

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/internal/testenv/engines"
	"parley/storage/bus"
)

func TestRedisSeesNeitherUsersNorMessages(t *testing.T) { // A4
	server := engines.Redis(t)
	seen := monitor(t, server.Addr)
	n1, n2 := join(t, "redis://"+server.Addr, "n1"), join(t, "redis://"+server.Addr, "n2")
	n1.attach("user-ann")
	n2.attach("user-rob")
	n1.reach(n2, "user-rob", "a message body")
	n1.Tell(t.Context(), []byte("revoked: user-eve"))
	eventually(t, "it is told", func() bool { return n2.has("revoked: user-eve") })
	all := seen()
	if !bytes.Contains(all, []byte("parley:node:n2")) || !bytes.Contains(all, []byte("parley:user:")) {
		t.Fatalf("the monitor saw nothing: %q", all)
	}
	for _, secret := range []string{"user-ann", "user-rob", "user-eve", "a message body", "revoked"} {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret))} {
			if bytes.Contains(all, []byte(form)) {
				t.Errorf("redis saw %q", form)
			}
		}
	}
}

// monitor collects every command that a server gets.
func monitor(t testing.TB, addr string) func() []byte {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan []byte, 1)
	if _, err := c.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	if ok, err := in.ReadString('\n'); err != nil || ok != "+OK\r\n" {
		t.Fatalf("monitor: %q, %v", ok, err)
	}
	go func() {
		var all []byte
		for {
			line, err := in.ReadBytes('\n')
			all = append(all, line...)
			if err != nil {
				lines <- all
				return
			}
		}
	}()
	t.Cleanup(func() { c.Close() })
	return func() []byte {
		c.Close()
		return <-lines
	}
}

func TestWhoCanPublishCanForgeNothing(t *testing.T) {
	server := engines.Redis(t)
	n1 := join(t, "redis://"+server.Addr, "n1")
	n1.attach("ann")
	eventually(t, "it is up", n1.isUp)
	had := n1.synced()
	other, err := newSecrets(bytes.Repeat([]byte{8}, minKey))
	if err != nil {
		t.Fatal(err)
	}
	records := appendRecord([]byte{envelopeRecords}, record{payload: []byte("forged")})
	forged := map[string][]byte{
		"nothing": {}, "in clear": records, "with another key": other.seal(channel("n1"), records),
		"from another channel": n1.secrets.seal(channel("n2"), records),
		"a resync":             other.seal(channel("n1"), []byte{envelopeResync}),
		"of no kind":           n1.secrets.seal(channel("n1"), []byte{'?'}),
		"of nothing":           n1.secrets.seal(channel("n1"), nil),
		"cut off":              n1.secrets.seal(channel("n1"), records[:len(records)-1]),
		"a short probe":        n1.secrets.seal(channel("n1"), []byte{envelopeProbe, 1}),
	}
	c := admin(t, server.Addr)
	for name, m := range forged {
		before := n1.metric("parley_bus_unreadable_total")
		if err := c.Publish(t.Context(), channel("n1"), m).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is counted", func() bool { return n1.metric("parley_bus_unreadable_total") == before+1 })
	}
	n1.reach(n1, "ann", "real")
	if n1.has("forged") || n1.synced() != had {
		t.Error("a forged message was taken")
	}
}

func TestAnotherNodesProbeDoesNotCount(t *testing.T) {
	b, err := New(Config{URL: "redis://localhost", Node: "n1", Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	l := &link{id: 1}
	for p, want := range map[probe]uint64{{link: 2, number: 5}: 0, {link: 1, number: 3}: 3} {
		l.seen.Store(0)
		if err := b.receive(l, b.secrets.seal(channel("n1"), p.encode())); err != nil || l.seen.Load() != want {
			t.Errorf("%+v: seen %d, want %d (%v)", p, l.seen.Load(), want, err)
		}
	}
}

func TestPasswordsStayOutOfLogs(t *testing.T) {
	server := engines.Redis(t, "--requirepass", "right")
	wrong := join(t, "redis://:wr0ng-secret@"+server.Addr, "n1")
	eventually(t, "it says why", func() bool { return strings.Contains(wrong.logs.String(), "WRONGPASS") })
	host, _, _ := net.SplitHostPort(server.Addr)
	for _, secret := range []string{"wr0ng-secret", server.Addr, host} {
		if strings.Contains(wrong.logs.String(), secret) {
			t.Errorf("logged %q: %s", secret, wrong.logs)
		}
	}
	right := join(t, "redis://:right@"+server.Addr, "n1")
	eventually(t, "the right one is let in", right.isUp)
}

func TestTLSIsChecked(t *testing.T) { // A4
	ca := newAuthority(t)
	crt, key := ca.issue("127.0.0.1")
	server := secureRedis(t, ca, crt, key)
	n1 := join(t, "rediss://"+server, "n1", trust(ca.pool))
	n2 := join(t, "rediss://"+server, "n2", trust(ca.pool))
	n2.attach("rob")
	n1.reach(n2, "rob", "sealed twice")

	stranger := join(t, "rediss://"+server, "n3", trust(newAuthority(t).pool))
	system := join(t, "rediss://"+server, "n4")
	_, port, _ := net.SplitHostPort(server)
	name := join(t, "rediss://localhost:"+port, "n5", trust(ca.pool))
	for _, e := range []*end{stranger, system, name} {
		eventually(t, "the certificate is refused", func() bool {
			return strings.Contains(e.logs.String(), "certificate of redis refused")
		})
		if e.metric("parley_bus_up") != 0 || strings.Contains(e.logs.String(), "127.0.0.1") {
			t.Errorf("up, or an address is logged: %s", e.logs)
		}
	}
}

func secureRedis(t testing.TB, ca *authority, crt, key string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	engines.Redis(t, "--tls-port", port, "--tls-cert-file", crt, "--tls-key-file", key, "--tls-ca-cert-file", ca.file, "--tls-auth-clients", "no")
	return addr
}

// authority signs certificates.
type authority struct {
	t    testing.TB
	dir  string
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "parley-tls-") // the server may run as another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, dir: dir, key: newKey(t), pool: x509.NewCertPool()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der := a.sign(a.cert, a.key)
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	a.file = a.write("ca.crt", "CERTIFICATE", der)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(c *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// issue writes a certificate for the address and its key into files.
func (a *authority) issue(addr string) (crt, key string) {
	a.t.Helper()
	k := newKey(a.t)
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.ParseIP(addr)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, k)
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write("redis.crt", "CERTIFICATE", der), a.write("redis.key", "PRIVATE KEY", secret)
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func TestWhatABusNeeds(t *testing.T) {
	for name, c := range map[string]Config{
		"no URL":    {Node: "n1", Key: testKey},
		"no node":   {URL: "redis://localhost", Key: testKey},
		"no key":    {URL: "redis://localhost", Node: "n1"},
		"short key": {URL: "redis://localhost", Node: "n1", Key: testKey[1:]},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b, err := New(Config{URL: "redis://localhost", Node: "n1", Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if b.Attach(t.Context(), "u", "n2") == nil || b.Detach(t.Context(), "u", "n2") == nil || b.Receive(t.Context(), "n2", func(bus.Message) {}) == nil {
		t.Error("another node's sessions are accepted")
	}
}
