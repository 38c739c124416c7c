package root

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"parley/storage/keys"
)

// A call of the KMS takes at most kmsTimeout; it is tried so many times more when the KMS does not answer.
const (
	kmsTimeout = 5 * time.Second
	kmsRetries = 2
)

// kms is a root key that never leaves a KMS.
type kms struct {
	path  string // of the key, below the address
	where string
	aead  tink.AEAD
}

var _ keys.Root = (*kms)(nil)

func newKMS(rest string, cfg Config) (keys.Root, error) {
	const form = "hcvault://HOST[:PORT]/MOUNT/keys/KEY"
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("root key: the address of a KMS must read %s", form)
	}
	token := cfg.Getenv(api.EnvVaultToken)
	if token == "" {
		return nil, fmt.Errorf("root key: the KMS wants a token; put one that may encrypt and decrypt with the key into %s", api.EnvVaultToken)
	}
	client, err := kmsClient(u.Host, token, cfg)
	if err != nil {
		return nil, err
	}
	aead, err := hcvault.NewAEAD(u.EscapedPath(), client.Logical())
	if err != nil {
		return nil, fmt.Errorf("root key: the address of a KMS must read %s", form)
	}
	return &kms{path: strings.Trim(u.EscapedPath(), "/"), where: "hcvault://" + rest, aead: aead}, nil
}

func kmsClient(host, token string, cfg Config) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: "https://" + host,
		HttpClient: &http.Client{
			Transport: &http.Transport{
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Trust}, DisableKeepAlives: true,
				Proxy: http.ProxyFromEnvironment,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Timeout: kmsTimeout, MaxRetries: kmsRetries, MinRetryWait: 100 * time.Millisecond, MaxRetryWait: time.Second,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, errors.New("root key: the KMS client could not be made; look at the VAULT_ variables of the environment")
	}
	client.SetToken(token)
	if namespace := cfg.Getenv(api.EnvVaultNamespace); namespace != "" {
		client.SetNamespace(namespace)
	}
	return client, nil
}

// ID implements [keys.Root]. A KMS that moves to another address keeps its keys, so the address is no part of it.
func (k *kms) ID() string { return "hcvault:" + k.path }

// String implements [keys.Root].
func (k *kms) String() string { return k.where }

// Wrap implements [keys.Root].
func (k *kms) Wrap(ctx context.Context, secret keys.Key, bound string) ([]byte, error) {
	wrapped, err := k.call(ctx, func() ([]byte, error) { return k.aead.Encrypt(secret[:], []byte(bound)) })
	if err != nil {
		return nil, fmt.Errorf("wrap by root key %s: %w", k.where, err)
	}
	return wrapped, nil
}

// Unwrap implements [keys.Root].
func (k *kms) Unwrap(ctx context.Context, wrapped []byte, bound string) (keys.Key, error) {
	plain, err := k.call(ctx, func() ([]byte, error) { return k.aead.Decrypt(wrapped, []byte(bound)) })
	if err != nil {
		return keys.Key{}, fmt.Errorf("unwrap by root key %s: %w", k.where, err)
	}
	if len(plain) != size {
		return keys.Key{}, fmt.Errorf("unwrap by root key %s: the KMS answers with something else than a key", k.where)
	}
	return keys.Key(plain), nil
}

// call runs one call of the client, which knows no context, and ends with it or with the context.
func (k *kms) call(ctx context.Context, f func() ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type answer struct {
		bytes []byte
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		b, err := f()
		done <- answer{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err() // the call ends by its own time-out
	case a := <-done:
		return a.bytes, explain(a.err)
	}
}

// explain says what to do about an error of the KMS. The client's own words may quote requests, so they stay out.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var refused *api.ResponseError
	if !errors.As(err, &refused) {
		return fmt.Errorf("the KMS does not answer (%s): start it, or look at its address, its certificate and --trust", keys.Reason(err))
	}
	switch {
	case refused.StatusCode == http.StatusForbidden:
		return errors.New("the KMS refuses the token: give one in VAULT_TOKEN that may encrypt and decrypt with the key")
	case refused.StatusCode == http.StatusServiceUnavailable:
		return errors.New("the KMS is sealed or in maintenance: unseal it")
	case refused.StatusCode == http.StatusNotFound || refused.StatusCode == http.StatusBadRequest:
		return fmt.Errorf("the KMS has no such key or it is another than the one that wrapped (status %d): %w", refused.StatusCode, keys.ErrForeignRoot)
	}
	return fmt.Errorf("the KMS answers with status %d", refused.StatusCode)
}
