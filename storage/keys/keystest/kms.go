package keystest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// KMSToken is the token that a [KMS] takes.
const KMSToken = "s.token-of-the-tests"

// KMS is a double of a transit engine behind TLS: it encrypts, with associated data, under a key of its own, and quotes
// secrets in its errors, as a careless server might.
type KMS struct {
	*httptest.Server
	Status int           // answered instead, if not 0; set before it is called
	Block  chan struct{} // answers wait until it is closed, if not nil; set before it is called

	aead cipher.AEAD
}

// NewKMS starts a KMS for the test.
func NewKMS(t testing.TB) *KMS {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	k := &KMS{}
	if k.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/transit/encrypt/parley", k.serve(k.encrypt))
	mux.HandleFunc("/v1/transit/decrypt/parley", k.serve(k.decrypt))
	k.Server = httptest.NewUnstartedServer(mux)
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.StartTLS()
	t.Cleanup(k.Close)
	return k
}

type body struct {
	Plaintext  string `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	Data       string `json:"associated_data,omitempty"`
}

func (k *KMS) serve(f func(body) (body, bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in body
		status := k.Status
		if k.Block != nil {
			<-k.Block
		}
		if r.Header.Get("X-Vault-Token") != KMSToken {
			status = http.StatusForbidden
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || status != 0 {
			w.WriteHeader(max(status, http.StatusBadRequest))
			_, _ = w.Write([]byte(`{"errors":["` + in.Plaintext + KMSToken + `"]}`)) // a server that quotes secrets
			return
		}
		out, ok := f(in)
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]body{"data": out})
	}
}

func (k *KMS) encrypt(in body) (body, bool) {
	plain, err1 := base64.StdEncoding.DecodeString(in.Plaintext)
	data, err2 := base64.StdEncoding.DecodeString(in.Data)
	sealed := k.aead.Seal(nil, nil, plain, data)
	return body{Ciphertext: "vault:v1:" + base64.StdEncoding.EncodeToString(sealed)}, err1 == nil && err2 == nil
}

func (k *KMS) decrypt(in body) (body, bool) {
	sealed, err1 := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))
	data, err2 := base64.StdEncoding.DecodeString(in.Data)
	plain, err3 := k.aead.Open(nil, nil, sealed, data)
	return body{Plaintext: base64.StdEncoding.EncodeToString(plain)}, errors.Join(err1, err2, err3) == nil
}

// Ref is how a root key is told to be this one; Trust and Token go with it.
func (k *KMS) Ref() string {
	return "hcvault://" + strings.TrimPrefix(k.URL, "https://") + "/transit/keys/parley"
}

// Trust has the authority that vouches for the server.
func (k *KMS) Trust() *x509.CertPool {
	trust := x509.NewCertPool()
	trust.AddCert(k.Certificate())
	return trust
}
