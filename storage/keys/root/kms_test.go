package root

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

func kmsRoot(t testing.TB, k *keystest.KMS, token string) keys.Root {
	t.Helper()
	r, err := Open(k.Ref(), Config{Trust: k.Trust(), Getenv: environment(map[string]string{"VAULT_TOKEN": token})})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAKMSWrapsASecret(t *testing.T) {
	k := keystest.NewKMS(t)
	r := kmsRoot(t, k, keystest.KMSToken)
	secret := keys.Key{1, 2, 3}
	wrapped, err := r.Wrap(t.Context(), secret, "one")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(wrapped), string(secret[:])) || strings.Contains(string(wrapped), base64.StdEncoding.EncodeToString(secret[:])) {
		t.Error("the wrapped secret is in clear")
	}
	if got, err := kmsRoot(t, k, keystest.KMSToken).Unwrap(t.Context(), wrapped, "one"); err != nil || got != secret {
		t.Errorf("another secret or %v", err)
	}
	if _, err := r.Unwrap(t.Context(), wrapped, "two"); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("a secret bound to another text: %v", err)
	}
	other := kmsRoot(t, keystest.NewKMS(t), keystest.KMSToken)
	if _, err := other.Unwrap(t.Context(), wrapped, "one"); !errors.Is(err, keys.ErrForeignRoot) {
		t.Errorf("another key of the same name: %v", err)
	}
}

func TestAKMSThatFailsSaysWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		fault func(*keystest.KMS)
		token string
		want  string
	}{
		"down":         {func(k *keystest.KMS) { k.Close() }, keystest.KMSToken, "the KMS does not answer (connection refused): start it"},
		"sealed":       {func(k *keystest.KMS) { k.Status = http.StatusServiceUnavailable }, keystest.KMSToken, "unseal it"},
		"wrong token":  {func(*keystest.KMS) {}, "s.stolen", "VAULT_TOKEN"},
		"no such key":  {func(k *keystest.KMS) { k.Status = http.StatusNotFound }, keystest.KMSToken, "no such key"},
		"server error": {func(k *keystest.KMS) { k.Status = http.StatusTeapot }, keystest.KMSToken, "status 418"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keystest.NewKMS(t)
			r := kmsRoot(t, k, test.token)
			test.fault(k)
			_, err := r.Wrap(t.Context(), keys.Key{1, 2, 3}, "one")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), test.token) || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte{1, 2, 3, 0, 0, 0})) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestAKMSMustShowATrustedCertificate(t *testing.T) {
	k := keystest.NewKMS(t)
	r, err := Open(k.Ref(), Config{Trust: x509.NewCertPool(), Getenv: environment(map[string]string{"VAULT_TOKEN": "token"})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wrap(t.Context(), keys.Key{}, "one"); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("%v, want an unknown authority", err)
	}
}

func TestACallOfAKMSEndsWithItsContext(t *testing.T) {
	k := keystest.NewKMS(t)
	k.Block = make(chan struct{})
	defer close(k.Block)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := kmsRoot(t, k, keystest.KMSToken).Wrap(ctx, keys.Key{}, "one"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %v", err, context.DeadlineExceeded)
	}
}
