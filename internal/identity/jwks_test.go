package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/policy"
)

// keyServer publishes a key set that tests change, and counts how often it is asked.
type keyServer struct {
	*httptest.Server
	asked atomic.Int32

	mu     sync.Mutex
	body   string
	status int
}

func newKeyServer(t testing.TB, keys ...map[string]any) *keyServer {
	s := &keyServer{status: http.StatusOK}
	s.publish(keys...)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.WriteHeader(s.status)
		fmt.Fprint(w, s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) publish(keys ...map[string]any) {
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	s.answer(http.StatusOK, string(body))
}

func (s *keyServer) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

// clock is a clock that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock               { c := &clock{}; c.at.Store(testNow.Unix()); return c }
func (c *clock) now() time.Time      { return time.Unix(c.at.Load(), 0) }
func (c *clock) add(d time.Duration) { c.at.Add(int64(d / time.Second)) }

func remoteConfig(s *keyServer, c *clock) VerifierConfig {
	cfg := testConfig()
	cfg.JWKSURL, cfg.Now = s.URL, c.now
	return cfg
}

// The platform's keys.
var (
	edKey  = ed25519.NewKeyFromSeed([]byte("a seed for tests of 32 bytes ...")[:32])
	ecKey  = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384   = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rsaKey = must(rsa.GenerateKey(rand.Reader, 2048))
	weak   = must(rsa.GenerateKey(rand.Reader, 1024))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jwkOf(kid string, public crypto.PublicKey) map[string]any {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return map[string]any{"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": b64(k)}
	case *ecdsa.PublicKey:
		raw := must(k.Bytes())
		half := (len(raw) - 1) / 2
		return map[string]any{"kid": kid, "kty": "EC", "crv": k.Curve.Params().Name, "x": b64(raw[1 : 1+half]), "y": b64(raw[1+half:])}
	case *rsa.PublicKey:
		return map[string]any{"kid": kid, "kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	case []byte:
		return map[string]any{"kid": kid, "kty": "oct", "k": b64(k)}
	}
	panic("no such key")
}

func signed(t testing.TB, m jwt.SigningMethod, kid string, key any, c Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c.payload())
	token.Header["kid"] = kid
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEachAlgorithmOfAJWKS(t *testing.T) {
	s := newKeyServer(t, jwkOf("ed", edKey.Public()), jwkOf("ec", ecKey.Public()), jwkOf("rsa", rsaKey.Public()))
	v := newTest(t, remoteConfig(s, newClock()))
	for name, token := range map[string]string{
		"EdDSA": signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate)),
		"ES256": signed(t, jwt.SigningMethodES256, "ec", ecKey, as(Candidate)),
		"RS256": signed(t, jwt.SigningMethodRS256, "rsa", rsaKey, as(Candidate)),
		"HS256": mint(t, as(Candidate)),
	} {
		if p, err := v.Verify(t.Context(), token); err != nil || p.Role != Candidate {
			t.Errorf("%s: %v as %q", name, err, p.Role)
		}
	}
	if got := s.asked.Load(); got != 1 {
		t.Errorf("the key server was asked %d times, want once", got)
	}
}

// The attack: a public key is known to everybody. A verifier that lets the token choose between HMAC and signatures
// can be made to take the public key for the secret of an HMAC.
func TestAPublicKeyNeverPassesForASecret(t *testing.T) {
	secret := []byte("a shared secret that slipped into the JWKS.....")
	s := newKeyServer(t, jwkOf("ed", edKey.Public()), jwkOf("rsa", rsaKey.Public()), jwkOf("oct", secret), jwkOf("dev", rsaKey.Public()))
	v := newTest(t, remoteConfig(s, newClock()))
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der,
		"modulus": rsaKey.N.Bytes(), "Ed25519": edKey.Public().(ed25519.PublicKey), "oct": secret,
	}
	for form, key := range known {
		for _, kid := range []string{"rsa", "ed", "oct", "dev"} {
			token := signed(t, jwt.SigningMethodHS256, kid, key, as(Operator))
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, policy.ErrUnauthenticated) {
				t.Errorf("HMAC with the %s under key id %q: %v", form, kid, err)
			}
		}
	}
}

func TestAKeyIsForItsOwnAlgorithmOnly(t *testing.T) {
	forRS := jwkOf("pinned", rsaKey.Public())
	forRS["alg"] = "PS256"
	s := newKeyServer(t, jwkOf("ed", edKey.Public()), jwkOf("ec", ecKey.Public()), jwkOf("p384", p384.Public()),
		jwkOf("rsa", rsaKey.Public()), jwkOf("weak", weak.Public()), forRS)
	v := newTest(t, remoteConfig(s, newClock()))
	for name, token := range map[string]string{
		"Ed25519 under the id of EC": signed(t, jwt.SigningMethodEdDSA, "ec", edKey, as(Candidate)),
		"EC under the id of RSA":     signed(t, jwt.SigningMethodES256, "rsa", ecKey, as(Candidate)),
		"RSA under the id of EC":     signed(t, jwt.SigningMethodRS256, "ec", rsaKey, as(Candidate)),
		"ES384":                      signed(t, jwt.SigningMethodES384, "p384", p384, as(Candidate)),
		"RS512":                      signed(t, jwt.SigningMethodRS512, "rsa", rsaKey, as(Candidate)),
		"PS256":                      signed(t, jwt.SigningMethodPS256, "rsa", rsaKey, as(Candidate)),
		"RSA of 1024 bits":           signed(t, jwt.SigningMethodRS256, "weak", weak, as(Candidate)),
		"a key pinned to PS256":      signed(t, jwt.SigningMethodRS256, "pinned", rsaKey, as(Candidate)),
		"a JWKS id with the secret":  signed(t, jwt.SigningMethodHS256, "ed", testSecret, as(Candidate)),
		"a secret's id with EdDSA":   signed(t, jwt.SigningMethodEdDSA, "dev", edKey, as(Candidate)),
	} {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, policy.ErrUnauthenticated) {
			t.Errorf("%s: %v, want %v", name, err, policy.ErrUnauthenticated)
		}
	}
}

func TestANewKeyIsFetchedWhenATokenNamesIt(t *testing.T) {
	s, c := newKeyServer(t, jwkOf("old", edKey.Public())), newClock()
	v := newTest(t, remoteConfig(s, c))
	verifies(t, v, signed(t, jwt.SigningMethodEdDSA, "old", edKey, as(Candidate)), nil)
	s.publish(jwkOf("old", edKey.Public()), jwkOf("new", ecKey.Public()))
	c.add(jwksPause)
	verifies(t, v, signed(t, jwt.SigningMethodES256, "new", ecKey, as(Candidate)), nil)
	if got := s.asked.Load(); got != 2 {
		t.Errorf("the key server was asked %d times, want 2", got)
	}
}

func TestMadeUpKeyIdsDoNotFloodTheKeyServer(t *testing.T) {
	s, c := newKeyServer(t, jwkOf("ed", edKey.Public())), newClock()
	v := newTest(t, remoteConfig(s, c))
	for i := range 100 {
		token := signed(t, jwt.SigningMethodEdDSA, fmt.Sprint("made up ", i), edKey, as(Candidate))
		verifies(t, v, token, policy.ErrUnauthenticated)
	}
	if got := s.asked.Load(); got != 1 {
		t.Errorf("the key server was asked %d times within the pause, want once", got)
	}
	c.add(jwksPause)
	verifies(t, v, signed(t, jwt.SigningMethodEdDSA, "made up", edKey, as(Candidate)), policy.ErrUnauthenticated)
	if got := s.asked.Load(); got != 2 {
		t.Errorf("the key server was asked %d times after it, want 2", got)
	}
}

func TestAWithdrawnKeyIsRefusedOnceTheSetIsNotFresh(t *testing.T) {
	s, c := newKeyServer(t, jwkOf("ed", edKey.Public()), jwkOf("ec", ecKey.Public())), newClock()
	v, token := newTest(t, remoteConfig(s, c)), signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate))
	verifies(t, v, token, nil)
	s.publish(jwkOf("ec", ecKey.Public()))
	verifies(t, v, token, nil)
	c.add(jwksFresh + time.Second)
	verifies(t, v, token, policy.ErrUnauthenticated)
}

func TestWhileTheKeyServerIsAwayTheLastSetServes(t *testing.T) {
	s, c := newKeyServer(t, jwkOf("ed", edKey.Public())), newClock()
	v, long := newTest(t, remoteConfig(s, c)), as(Candidate)
	long.Expires = testNow.Add(100 * time.Hour)
	token := signed(t, jwt.SigningMethodEdDSA, "ed", edKey, long)
	verifies(t, v, token, nil)
	for _, answer := range []string{"", "{}", "not JSON", `{"keys":[]}`, `{"keys":[{"kty":"new"}]}`, strings.Repeat(" ", jwksMaxSize) + "{}"} {
		s.answer(http.StatusOK, answer)
		c.add(jwksFresh + time.Second)
		verifies(t, v, token, nil)
	}
	s.answer(http.StatusInternalServerError, "")
	c.add(jwksFresh + time.Second)
	verifies(t, v, token, nil)
	c.add(jwksStale)
	verifies(t, v, token, policy.ErrUnavailable)
	s.publish(jwkOf("ed", edKey.Public()))
	c.add(jwksPause)
	verifies(t, v, token, nil)
}

func TestAnUnknownKindOfKeyDoesNotHideTheOthers(t *testing.T) {
	s := newKeyServer(t, map[string]any{"kid": "pq", "kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"}, jwkOf("ed", edKey.Public()))
	v := newTest(t, remoteConfig(s, newClock()))
	verifies(t, v, signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate)), nil)
	verifies(t, v, signed(t, jwt.SigningMethodEdDSA, "pq", edKey, as(Candidate)), policy.ErrUnauthenticated)
}

func TestAKeyServerThatIsAwayDoesNotDelayAStart(t *testing.T) {
	s, c := newKeyServer(t), newClock()
	s.Close()
	v := newTest(t, remoteConfig(s, c))
	token := signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate))
	verifies(t, v, token, policy.ErrUnavailable)
	verifies(t, v, mint(t, as(Candidate)), nil) // API keys need no key server
}

func TestAFetchIsNotUndoneByAClientThatHangsUp(t *testing.T) {
	s := newKeyServer(t, jwkOf("ed", edKey.Public()))
	v := newTest(t, remoteConfig(s, newClock()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	token := signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate))
	if _, err := v.Verify(ctx, token); err != nil {
		t.Fatalf("the one who hung up: %v", err)
	}
	verifies(t, v, token, nil)
	if got := s.asked.Load(); got != 1 {
		t.Errorf("the key server was asked %d times, want once", got)
	}
}

func TestConcurrentTokensShareOneFetch(t *testing.T) {
	s := newKeyServer(t, jwkOf("ed", edKey.Public()))
	v := newTest(t, remoteConfig(s, newClock()))
	token := signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.asked.Load(); got != 1 {
		t.Errorf("the key server was asked %d times, want once", got)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	s := newKeyServer(t, jwkOf("ed", edKey.Public()))
	redirect := httptest.NewServer(http.RedirectHandler(s.URL, http.StatusFound))
	t.Cleanup(redirect.Close)
	cfg := testConfig()
	cfg.JWKSURL = redirect.URL
	verifies(t, newTest(t, cfg), signed(t, jwt.SigningMethodEdDSA, "ed", edKey, as(Candidate)), policy.ErrUnavailable)
	if s.asked.Load() > 0 {
		t.Error("the redirect was followed")
	}
}

func verifies(t *testing.T, v *Verifier, token string, want error) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
		t.Errorf("verify: %v, want %v", err, want)
	}
}

func FuzzParseJWKS(f *testing.F) {
	whole, err := json.Marshal(map[string]any{"keys": []any{jwkOf("ed", edKey.Public()), jwkOf("ec", ecKey.Public()),
		jwkOf("rsa", rsaKey.Public()), jwkOf("oct", testSecret)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	f.Add(`{"keys":[{"kty":"RSA","n":"","e":""}]}`)
	f.Add(`{"keys":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		set, err := parseJWKS(strings.NewReader(body))
		if err != nil {
			return
		}
		for _, alg := range []string{"EdDSA", "ES256", "RS256", "HS256"} {
			token := &jwt.Token{Header: map[string]any{"kid": "ed", "alg": alg}, Method: jwt.GetSigningMethod(alg)}
			if key, err := (&keySet{keys: set}).lookUp(token); err == nil && (!fits(alg, key) || alg == "HS256") {
				t.Fatalf("%s got a key that does not fit", alg)
			}
		}
	})
}
