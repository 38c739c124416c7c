package root

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
	where     string
	address   string
	path      string // of the key, below the address
	token     string
	namespace string
	transport *http.Transport
}

var _ keys.Root = (*kms)(nil)

func newKMS(rest string, cfg Config) (keys.Root, error) {
	malformed := errors.New("root key: the address of a KMS must read hcvault://HOST[:PORT]/MOUNT/keys/KEY")
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, malformed
	}
	token := cfg.Getenv(api.EnvVaultToken)
	if token == "" {
		return nil, fmt.Errorf("root key: the KMS wants a token; put one that may encrypt and decrypt with the key into %s", api.EnvVaultToken)
	}
	k := &kms{
		where: "hcvault://" + rest, address: "https://" + u.Host, path: u.EscapedPath(), token: token,
		namespace: cfg.Getenv(api.EnvVaultNamespace),
		transport: &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Trust}, DisableKeepAlives: true,
			Proxy: http.ProxyFromEnvironment,
		},
	}
	if _, err := hcvault.NewAEAD(k.path, nil); err != nil {
		return nil, malformed
	}
	return k, nil
}

// within is the key for calls that end with the context. The client knows no context, so each call has one of its own.
func (k *kms) within(ctx context.Context) (tink.AEAD, error) {
	client, err := api.NewClient(&api.Config{
		Address: k.address,
		HttpClient: &http.Client{
			Transport:     bounded{ctx, k.transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Timeout: kmsTimeout, MaxRetries: kmsRetries, MinRetryWait: 100 * time.Millisecond, MaxRetryWait: time.Second,
		CheckRetry: func(_ context.Context, r *http.Response, err error) (bool, error) {
			return api.DefaultRetryPolicy(ctx, r, err)
		},
		DisableRedirects: true,
	})
	if err != nil {
		return nil, errors.New("the KMS client could not be made; look at the VAULT_ variables of the environment")
	}
	client.SetToken(k.token)
	if k.namespace != "" {
		client.SetNamespace(k.namespace)
	}
	return hcvault.NewAEAD(k.path, client.Logical())
}

// bounded sends requests that end with a context, beside their own.
type bounded struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(b.ctx, cancel)
	answer, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	answer.Body = &boundedBody{answer.Body, func() { stop(); cancel() }}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	done func()
}

// Close implements [io.Closer].
func (b *boundedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// ID implements [keys.Root]. A KMS that moves to another address keeps its keys, so the address is no part of it.
func (k *kms) ID() string { return "hcvault:" + strings.Trim(k.path, "/") }

// String implements [keys.Root].
func (k *kms) String() string { return k.where }

// Wrap implements [keys.Root].
func (k *kms) Wrap(ctx context.Context, secret keys.Key, bound string) ([]byte, error) {
	wrapped, err := k.call(ctx, func(key tink.AEAD) ([]byte, error) { return key.Encrypt(secret[:], []byte(bound)) })
	if err != nil {
		return nil, fmt.Errorf("wrap by root key %s: %w", k.where, err)
	}
	return wrapped, nil
}

// Unwrap implements [keys.Root].
func (k *kms) Unwrap(ctx context.Context, wrapped []byte, bound string) (keys.Key, error) {
	plain, err := k.call(ctx, func(key tink.AEAD) ([]byte, error) { return key.Decrypt(wrapped, []byte(bound)) })
	if err != nil {
		return keys.Key{}, fmt.Errorf("unwrap by root key %s: %w", k.where, err)
	}
	if len(plain) != size {
		return keys.Key{}, fmt.Errorf("unwrap by root key %s: the KMS answers with something else than a key", k.where)
	}
	return keys.Key(plain), nil
}

func (k *kms) call(ctx context.Context, f func(tink.AEAD) ([]byte, error)) ([]byte, error) {
	key, err := k.within(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := f(key)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return answer, explain(err)
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
