package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"parley/internal/policy"
)

// How the JWKS is kept.
const (
	jwksTimeout = 5 * time.Second
	jwksMaxSize = 256 << 10
	// jwksFresh is how long a fetched set is used without asking again; a key that the platform withdraws is
	// refused after that.
	jwksFresh = 10 * time.Minute
	// jwksStale is how long the last set is still used while the key server does not answer.
	jwksStale = 24 * time.Hour
	// jwksPause is the least time between two fetches: tokens with made-up key ids cause no more than that.
	jwksPause = 10 * time.Second
	// jwksFirstPause is the same before the first success.
	jwksFirstPause = 2 * time.Second
)

// remoteKeys is the platform's key set, fetched when needed: first by the first token, again when it is no longer
// fresh, and when a token names a key that is not in it.
//
// One goroutine fetches at a time. Whoever only wants a fresher set does not wait for another's fetch; whoever can't
// be served without it does, until its own context ends.
type remoteKeys struct {
	url    string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	held     atomic.Pointer[keySet] // nil before the first success
	fetching chan struct{}          // holds one value while somebody fetches
	tried    time.Time              // when the last fetch began; only for the holder of fetching
}

// keySet is one fetched set. It never changes.
type keySet struct {
	keys    keyfunc.Keyfunc
	fetched time.Time
}

func newRemoteKeys(cfg VerifierConfig) (*remoteKeys, error) {
	if err := checkJWKSURL(cfg.JWKSURL); err != nil {
		return nil, err
	}
	client := cfg.HTTP
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("identity: the JWKS URL redirects; configure the URL it leads to")
		}}
	}
	return &remoteKeys{
		url: cfg.JWKSURL, client: client, now: cfg.Now, log: cfg.Log, fetching: make(chan struct{}, 1),
	}, nil
}

// checkJWKSURL refuses keys that would come over an open line (A4).
func checkJWKSURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return errors.New("JWKS URL is not a URL; give https://host/path")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return errors.New("JWKS URL must be https, or http on loopback")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// find returns the public key that the token names, if it fits the token's algorithm.
func (r *remoteKeys) find(ctx context.Context, t *jwt.Token) (any, error) {
	set := r.held.Load()
	if set.age(r.now()) > jwksFresh {
		set = r.refresh(ctx, set, set == nil)
	}
	if key, err := set.lookUp(t); err == nil && set.age(r.now()) <= jwksStale {
		return key, nil
	}
	set = r.refresh(ctx, set, true) // the platform may have begun to sign with a new key
	if set.age(r.now()) > jwksStale {
		return nil, policy.ErrUnavailable
	}
	return set.lookUp(t)
}

// age is since when the set is held; no set is older than any.
func (s *keySet) age(now time.Time) time.Duration {
	if s == nil {
		return math.MaxInt64
	}
	return now.Sub(s.fetched)
}

func (s *keySet) lookUp(t *jwt.Token) (any, error) {
	if s == nil {
		return nil, errNoKey
	}
	key, err := s.keys.Keyfunc(t)
	if err != nil || !fits(t.Method.Alg(), key) {
		return nil, errNoKey
	}
	return key, nil
}

// refresh returns a newer set than have, or have when there is none to be had now. With wait it waits for a fetch
// that is under way.
func (r *remoteKeys) refresh(ctx context.Context, have *keySet, wait bool) *keySet {
	if !r.acquire(ctx, wait) {
		return have
	}
	defer func() { <-r.fetching }()
	if newer := r.held.Load(); newer != have || !r.due() {
		return newer
	}
	r.tried = r.now()
	keys, err := r.fetch(ctx)
	if err != nil {
		r.log.WarnContext(ctx, "JWKS can't be fetched", "err", err)
		return have
	}
	set := &keySet{keys: keys, fetched: r.now()}
	r.held.Store(set)
	return set
}

func (r *remoteKeys) acquire(ctx context.Context, wait bool) bool {
	select {
	case r.fetching <- struct{}{}:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case r.fetching <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// due says whether enough time has passed since the last fetch began.
func (r *remoteKeys) due() bool {
	pause := jwksPause
	if r.held.Load() == nil {
		pause = jwksFirstPause
	}
	since := r.now().Sub(r.tried)
	return r.tried.IsZero() || since >= pause || since < 0
}

// fetch does not end with the caller's context: else clients that hang up could keep the set from ever being renewed.
func (r *remoteKeys) fetch(ctx context.Context) (keyfunc.Keyfunc, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jwksTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch JWKS: %w", err)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch JWKS: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch JWKS: status %d", res.StatusCode)
	}
	return parseJWKS(io.LimitReader(res.Body, jwksMaxSize+1))
}

// parseJWKS reads a key set (RFC 7517, 5). Keys of kinds that it does not know are left out.
func parseJWKS(body io.Reader) (keyfunc.Keyfunc, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read JWKS: %w", err)
	}
	if len(raw) > jwksMaxSize {
		return nil, fmt.Errorf("read JWKS: more than %d bytes", jwksMaxSize)
	}
	usable, err := usableKeys(raw)
	if err != nil {
		return nil, fmt.Errorf("read JWKS: %w", err)
	}
	keys, err := keyfunc.NewJWKSetJSON(usable)
	if err != nil {
		return nil, fmt.Errorf("read JWKS: %w", err)
	}
	return keys, nil
}

// usableKeys returns the set without the keys that can't be read, so that one new kind of key does not shut everybody
// out. A set without any is an error: it keeps the set before it in use.
func usableKeys(raw []byte) ([]byte, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, err
	}
	set.Keys = slices.DeleteFunc(set.Keys, func(k json.RawMessage) bool {
		_, err := keyfunc.NewJWKJSON(k)
		return err != nil
	})
	if len(set.Keys) == 0 {
		return nil, errors.New("no key that can be used")
	}
	return json.Marshal(set)
}
