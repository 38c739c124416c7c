package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/policy"
)

// Limits of tokens. A token beyond one is refused as if it were not signed.
const (
	// MaxToken is the longest token in bytes.
	MaxToken = 8 << 10
	// MaxTokenID is the longest jti in bytes.
	MaxTokenID = 128
	// MaxCompany is the longest company id in bytes.
	MaxCompany = 128
	// MaxFactors is how many sign-in factors a token may name, MaxFactor how long each may be in bytes.
	MaxFactors = 8
	MaxFactor  = 32
	// MaxLife is the longest time from iat to exp.
	MaxLife = 366 * 24 * time.Hour
	// MinSecret is the shortest HS256 secret in bytes (RFC 7518, 3.2).
	MinSecret = 32
)

// VerifierConfig says whose signatures count. JWKSURL, Keys or both must be given.
type VerifierConfig struct {
	// Issuer and Audience, when set, must stand in every token.
	Issuer, Audience string
	// JWKSURL is where the platform publishes its public keys (EdDSA, ES256, RS256): https, or http on loopback.
	JWKSURL string
	// Keys are API keys and their secrets for HS256, at least [MinSecret] bytes each.
	Keys map[string][]byte
	// Skew is how far clocks may differ; 0 means 30 s, more than 5 min is refused.
	Skew time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Revocations is asked about each token; nil means that nothing is ever revoked.
	Revocations Revocations
	// HTTP fetches the JWKS; nil means a client of its own with a timeout of 5 s that follows no redirect.
	HTTP *http.Client
	// Log is told when the JWKS can't be fetched; nil means slog.Default.
	Log *slog.Logger
}

// Verifier turns tokens into principals. Any goroutine may call it. It owns no goroutine: keys are fetched when a
// token needs them, at most once every few seconds, and so a key server that is away never delays a start.
type Verifier struct {
	cfg     VerifierConfig
	secrets map[string][]byte
	remote  *remoteKeys // nil without a JWKS
	parser  *jwt.Parser
}

// NewVerifier checks the configuration; it does not dial.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("token verifier: %w", err)
	}
	v := &Verifier{cfg: cfg, secrets: map[string][]byte{}}
	for kid, secret := range cfg.Keys {
		if err := checkSecret(secret); err != nil {
			return nil, fmt.Errorf("token verifier: API key %q: %w", kid, err)
		}
		v.secrets[kid] = append([]byte(nil), secret...)
	}
	if cfg.JWKSURL != "" {
		r, err := newRemoteKeys(cfg)
		if err != nil {
			return nil, fmt.Errorf("token verifier: %w", err)
		}
		v.remote = r
	}
	v.parser = jwt.NewParser(cfg.parserOptions()...)
	return v, nil
}

func (c *VerifierConfig) fill() error {
	if c.JWKSURL == "" && len(c.Keys) == 0 {
		return errors.New("give a JWKS URL or at least one API key")
	}
	if c.Skew < 0 || c.Skew > 5*time.Minute {
		return fmt.Errorf("clock skew %v is not between 0 and 5m", c.Skew)
	}
	if c.Skew == 0 {
		c.Skew = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}

func (c *VerifierConfig) parserOptions() []jwt.ParserOption {
	opts := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"HS256", "EdDSA", "ES256", "RS256"}), // never "none"
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(c.Skew),
		jwt.WithTimeFunc(c.Now),
	}
	if c.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		opts = append(opts, jwt.WithAudience(c.Audience))
	}
	return opts
}

func checkSecret(secret []byte) error {
	if len(secret) < MinSecret {
		return fmt.Errorf("secret has %d bytes; give at least %d random ones", len(secret), MinSecret)
	}
	return nil
}

// Verify checks signature, times, issuer and audience, the rules for the role (T7, T8, A2) and revocation, in that
// order, so that nothing is told about a token that is not ours. Its errors are refusals and hold nothing of the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) == 0 || len(token) > MaxToken {
		return Principal{}, policy.ErrUnauthenticated
	}
	var p payload
	if _, err := v.parser.ParseWithClaims(token, &p, v.key(ctx)); err != nil {
		return Principal{}, refusalOf(err)
	}
	c := p.claims()
	if err := c.check(v.cfg.Now(), v.cfg.Skew); err != nil {
		return Principal{}, err
	}
	if err := v.askRevoked(ctx, c); err != nil {
		return Principal{}, err
	}
	return c.principal(), nil
}

// refusalOf hides why a token is not valid, except that it has expired, which the client can mend, or that the keys
// could not be had.
func refusalOf(err error) error {
	switch {
	case errors.Is(err, policy.ErrUnavailable):
		return policy.ErrUnavailable
	case errors.Is(err, jwt.ErrTokenExpired):
		return policy.ErrExpired
	}
	return policy.ErrUnauthenticated
}

func (v *Verifier) askRevoked(ctx context.Context, c Claims) error {
	if v.cfg.Revocations == nil {
		return nil
	}
	revoked, err := v.cfg.Revocations.Revoked(ctx, c.User, c.TokenID, c.Issued)
	if err != nil {
		v.cfg.Log.ErrorContext(ctx, "revocations can't be asked", "err", err)
		return policy.ErrUnavailable
	}
	if revoked {
		return policy.ErrRevoked
	}
	return nil
}

func (c Claims) principal() Principal {
	return Principal{
		User: c.User, Role: c.Role, Company: c.Company, Attested: c.Attested,
		Expires: c.Expires, TokenID: c.TokenID, Issued: c.Issued, Factors: c.Factors,
	}
}
