package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/policy"
)

var (
	testNow    = time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC)
	testSecret = []byte("a secret for tests of 32 bytes..")
	nextSecret = []byte("another secret for tests of 32 b")
)

// testConfig accepts HS256 tokens of the API key "dev" at testNow.
func testConfig() VerifierConfig {
	return VerifierConfig{
		Keys: map[string][]byte{"dev": testSecret, "next": nextSecret},
		Now:  func() time.Time { return testNow },
		Log:  slog.New(slog.DiscardHandler),
	}
}

func newTest(t testing.TB, cfg VerifierConfig) *Verifier {
	t.Helper()
	v, err := NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// as returns good claims of a role.
func as(r Role) Claims {
	c := Claims{User: "u-1", Role: r, TokenID: "t-1", Issued: testNow.Add(-time.Minute), Expires: testNow.Add(time.Hour)}
	switch r {
	case Candidate, Viewer:
		c.Age = Adult
	case Recruiter, Headhunter:
		c.Age, c.Company, c.Attested = Adult, "c-1", testNow.Add(24*time.Hour)
	case Support, Approver, Operator:
		c.Factors = []string{"pwd", "otp"}
	}
	return c
}

func mint(t testing.TB, c Claims) string {
	t.Helper()
	token, err := Mint("dev", testSecret, c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenBecomesItsPrincipal(t *testing.T) {
	v := newTest(t, testConfig())
	for _, r := range Roles {
		c := as(r)
		p, err := v.Verify(t.Context(), mint(t, c))
		if err != nil {
			t.Errorf("%s: %v", r, err)
			continue
		}
		want := Principal{User: c.User, Role: r, Company: c.Company, Attested: c.Attested, Expires: c.Expires,
			TokenID: c.TokenID, Issued: c.Issued, Factors: c.Factors}
		if fmt.Sprintf("%#v", p) != fmt.Sprintf("%#v", want) {
			t.Errorf("%s: got %#v, want %#v", r, p, want)
		}
	}
}

func TestRulesOfTheRoles(t *testing.T) {
	for name, test := range map[string]struct {
		role   Role
		change func(*Claims)
		want   error
	}{
		// T7
		"recruiter without attestation":       {Recruiter, func(c *Claims) { c.Attested = time.Time{} }, policy.ErrUnverified},
		"recruiter whose attestation ran out": {Recruiter, func(c *Claims) { c.Attested = testNow.Add(-31 * time.Second) }, policy.ErrUnverified},
		"recruiter within the clock skew":     {Recruiter, func(c *Claims) { c.Attested = testNow.Add(-29 * time.Second) }, nil},
		"recruiter without a company":         {Recruiter, func(c *Claims) { c.Company = "" }, policy.ErrUnverified},
		"headhunter without attestation":      {Headhunter, func(c *Claims) { c.Attested = time.Time{} }, policy.ErrUnverified},
		"headhunter without a company":        {Headhunter, func(c *Claims) { c.Company = "" }, policy.ErrUnverified},
		"candidate without attestation":       {Candidate, func(c *Claims) {}, nil},
		// T8
		"adult":                         {Candidate, func(c *Claims) { c.Age = Adult }, nil},
		"minor":                         {Candidate, func(c *Claims) { c.Age = Minor }, policy.ErrGuardian},
		"minor with guardian":           {Candidate, func(c *Claims) { c.Age, c.Guardian = Minor, true }, nil},
		"no age band":                   {Candidate, func(c *Claims) { c.Age = "" }, policy.ErrUnderage},
		"under 16":                      {Candidate, func(c *Claims) { c.Age = "0-15" }, policy.ErrUnderage},
		"under 16 with guardian":        {Candidate, func(c *Claims) { c.Age, c.Guardian = "0-15", true }, policy.ErrUnderage},
		"unknown age band":              {Candidate, func(c *Claims) { c.Age, c.Guardian = "18", true }, policy.ErrUnderage},
		"minor as recruiter":            {Recruiter, func(c *Claims) { c.Age = Minor }, policy.ErrGuardian},
		"headhunter without age band":   {Headhunter, func(c *Claims) { c.Age = "" }, policy.ErrUnderage},
		"viewer without age band":       {Viewer, func(c *Claims) { c.Age = "" }, policy.ErrUnderage},
		"unverified minor":              {Recruiter, func(c *Claims) { c.Age, c.Attested = Minor, time.Time{} }, policy.ErrUnverified},
		"service has no age":            {Service, func(c *Claims) {}, nil},
		"staff has no age":              {Support, func(c *Claims) {}, nil},
		"staff needs no attestation":    {Operator, func(c *Claims) { c.Company = "" }, nil},
		"support without factors":       {Support, func(c *Claims) { c.Factors = nil }, policy.ErrForbidden}, // A2
		"support with one factor":       {Support, func(c *Claims) { c.Factors = []string{"pwd"} }, policy.ErrForbidden},
		"support with one factor twice": {Support, func(c *Claims) { c.Factors = []string{"pwd", "pwd"} }, policy.ErrForbidden},
		"approver with one factor":      {Approver, func(c *Claims) { c.Factors = []string{"otp"} }, policy.ErrForbidden},
		"operator without factors":      {Operator, func(c *Claims) { c.Factors = []string{} }, policy.ErrForbidden},
		// What every token must have
		"no user":                 {Candidate, func(c *Claims) { c.User = "" }, policy.ErrUnauthenticated},
		"no role":                 {Candidate, func(c *Claims) { c.Role = "" }, policy.ErrUnauthenticated},
		"unknown role":            {Candidate, func(c *Claims) { c.Role = "admin" }, policy.ErrUnauthenticated},
		"a role in capitals":      {Candidate, func(c *Claims) { c.Role = "Candidate" }, policy.ErrUnauthenticated},
		"user id too long":        {Candidate, func(c *Claims) { c.User = UserID(strings.Repeat("u", MaxUserID+1)) }, policy.ErrUnauthenticated},
		"longest user id":         {Candidate, func(c *Claims) { c.User = UserID(strings.Repeat("u", MaxUserID)) }, nil},
		"user id with a newline":  {Candidate, func(c *Claims) { c.User = "u\n1" }, policy.ErrUnauthenticated},
		"token id too long":       {Candidate, func(c *Claims) { c.TokenID = strings.Repeat("t", MaxTokenID+1) }, policy.ErrUnauthenticated},
		"too many factors":        {Candidate, func(c *Claims) { c.Factors = make([]string, MaxFactors+1) }, policy.ErrUnauthenticated},
		"expired":                 {Candidate, func(c *Claims) { c.Expires = testNow.Add(-31 * time.Second) }, policy.ErrExpired},
		"expired within the skew": {Candidate, func(c *Claims) { c.Expires = testNow.Add(-29 * time.Second) }, nil},
		"issued in the future":    {Candidate, func(c *Claims) { c.Issued = testNow.Add(31 * time.Second) }, policy.ErrUnauthenticated},
		"issued within the skew":  {Candidate, func(c *Claims) { c.Issued = testNow.Add(29 * time.Second) }, nil},
		"not yet valid":           {Candidate, func(c *Claims) { c.NotBefore = testNow.Add(31 * time.Second) }, policy.ErrUnauthenticated},
		"expires before issued":   {Candidate, func(c *Claims) { c.Issued, c.Expires = testNow.Add(20*time.Second), testNow.Add(10*time.Second) }, policy.ErrUnauthenticated},
		"lives too long":          {Candidate, func(c *Claims) { c.Expires = c.Issued.Add(MaxLife + time.Second) }, policy.ErrUnauthenticated},
		"lives as long as it may": {Candidate, func(c *Claims) { c.Expires = c.Issued.Add(MaxLife) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := as(test.role)
			test.change(&c)
			p, err := newTest(t, testConfig()).Verify(t.Context(), mint(t, c))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if err != nil && p.User != "" {
				t.Error("a refused token gave a principal")
			}
		})
	}
}

func TestIssuerAndAudienceMustFit(t *testing.T) {
	for name, test := range map[string]struct {
		issuer, audience string // configured
		change           func(*Claims)
		ok               bool
	}{
		"none configured":           {"", "", func(c *Claims) { c.Issuer, c.Audience = "x", []string{"y"} }, true},
		"both fit":                  {"https://id", "parley", func(c *Claims) { c.Issuer, c.Audience = "https://id", []string{"parley"} }, true},
		"one of several":            {"", "parley", func(c *Claims) { c.Audience = []string{"shop", "parley"} }, true},
		"another issuer":            {"https://id", "", func(c *Claims) { c.Issuer = "https://evil" }, false},
		"no issuer":                 {"https://id", "", func(c *Claims) {}, false},
		"another audience":          {"", "parley", func(c *Claims) { c.Audience = []string{"shop"} }, false},
		"no audience":               {"", "parley", func(c *Claims) {}, false},
		"audience in part":          {"", "parley", func(c *Claims) { c.Audience = []string{"parley2"} }, false},
		"issuer fits, audience not": {"https://id", "parley", func(c *Claims) { c.Issuer = "https://id" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, c := testConfig(), as(Candidate)
			cfg.Issuer, cfg.Audience = test.issuer, test.audience
			test.change(&c)
			_, err := newTest(t, cfg).Verify(t.Context(), mint(t, c))
			if test.ok && err != nil || !test.ok && !errors.Is(err, policy.ErrUnauthenticated) {
				t.Errorf("error %v, want ok %v", err, test.ok)
			}
		})
	}
}

func TestRequiredClaimsAreRequired(t *testing.T) {
	full := jwt.MapClaims{"sub": "u-1", "role": "service", "jti": "t-1",
		"iat": testNow.Unix(), "exp": testNow.Add(time.Hour).Unix()}
	v := newTest(t, testConfig())
	if _, err := v.Verify(t.Context(), signHS(t, nil, full)); err != nil {
		t.Fatalf("with all of them: %v", err)
	}
	for claim := range full {
		part := jwt.MapClaims{}
		for k, v := range full {
			if k != claim {
				part[k] = v
			}
		}
		if _, err := v.Verify(t.Context(), signHS(t, nil, part)); !errors.Is(err, policy.ErrUnauthenticated) {
			t.Errorf("without %s: %v, want %v", claim, err, policy.ErrUnauthenticated)
		}
	}
}

func TestOddTimesAreRefused(t *testing.T) {
	for _, exp := range []any{"soon", -1, 1e300, -1e300, 1e18, "1e400", true, nil, []int{1}} {
		claims := jwt.MapClaims{"sub": "u-1", "role": "service", "jti": "t-1", "iat": testNow.Unix(), "exp": exp}
		if _, err := newTest(t, testConfig()).Verify(t.Context(), signHS(t, nil, claims)); err == nil {
			t.Errorf("exp %v was accepted", exp)
		}
	}
}

func TestForgedAndMalformedTokensAreRefused(t *testing.T) {
	good := mint(t, as(Candidate))
	parts := strings.Split(good, ".")
	wrongSecret, err := Mint("dev", nextSecret, as(Candidate))
	if err != nil {
		t.Fatal(err)
	}
	unknownKey, err := Mint("unknown", testSecret, as(Candidate))
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"empty":              "",
		"garbage":            "garbage",
		"two parts":          parts[0] + "." + parts[1],
		"four parts":         good + ".x",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"another payload":    parts[0] + "." + strings.Split(mint(t, as(Operator)), ".")[1] + "." + parts[2],
		"wrong secret":       wrongSecret,
		"unknown key":        unknownKey,
		"spaces around":      " " + good + " ",
		"a Bearer prefix":    "Bearer " + good,
		"too long":           good + strings.Repeat("A", MaxToken),
		"no kid":             signHS(t, map[string]any{"kid": nil}, as(Candidate).payload()),
		"kid is a number":    signHS(t, map[string]any{"kid": 7}, as(Candidate).payload()),
		"a critical header":  signHS(t, map[string]any{"crit": []string{"exp"}}, as(Candidate).payload()),
		"alg none":           unsigned(t, "none"),
		"alg None":           unsigned(t, "None"),
		"alg empty":          unsigned(t, ""),
		"alg HS512":          signWith(t, jwt.SigningMethodHS512, testSecret),
		"alg HS384":          signWith(t, jwt.SigningMethodHS384, testSecret),
		"RS256 without JWKS": unsigned(t, "RS256"),
	} {
		if _, err := newTest(t, testConfig()).Verify(t.Context(), token); !errors.Is(err, policy.ErrUnauthenticated) {
			t.Errorf("%s: %v, want %v", name, err, policy.ErrUnauthenticated)
		}
	}
}

// signHS signs by HS256 as "dev", with changed headers.
func signHS(t testing.TB, header map[string]any, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	token.Header["kid"] = "dev"
	for k, v := range header {
		token.Header[k] = v
		if v == nil {
			delete(token.Header, k)
		}
	}
	s, err := token.SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signWith(t *testing.T, m jwt.SigningMethod, key any) string {
	t.Helper()
	token := jwt.NewWithClaims(m, as(Candidate).payload())
	token.Header["kid"] = "dev"
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// unsigned is a token without a signature that names an algorithm.
func unsigned(t *testing.T, alg string) string {
	t.Helper()
	header := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":"dev","typ":"JWT"}`, alg))
	return header + "." + strings.Split(mint(t, as(Candidate)), ".")[1] + "."
}

// revoked is a table of revocations; broken makes it fail.
type revoked struct {
	users  map[UserID]time.Time
	tokens map[string]bool
	broken error
}

func (r revoked) Revoked(_ context.Context, user UserID, id string, issued time.Time) (bool, error) {
	before, found := r.users[user]
	return found && !issued.After(before) || r.tokens[id], r.broken
}

func TestRevocationIsAskedEachTime(t *testing.T) {
	cfg, table := testConfig(), revoked{users: map[UserID]time.Time{}, tokens: map[string]bool{}}
	cfg.Revocations = table
	v, token := newTest(t, cfg), mint(t, as(Recruiter))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	table.tokens["t-1"] = true
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, policy.ErrRevoked) {
		t.Errorf("revoked token: %v, want %v", err, policy.ErrRevoked)
	}
	delete(table.tokens, "t-1")
	table.users["u-1"] = testNow.Add(-time.Minute)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, policy.ErrRevoked) {
		t.Errorf("revoked user: %v, want %v", err, policy.ErrRevoked)
	}
	later := as(Recruiter)
	later.Issued = testNow
	if _, err := v.Verify(t.Context(), mint(t, later)); err != nil {
		t.Errorf("a token issued after the revocation: %v", err)
	}
}

func TestWithoutAnAnswerAboutRevocationsNobodyGetsIn(t *testing.T) {
	cfg := testConfig()
	cfg.Revocations = revoked{broken: errors.New("database is away")}
	if _, err := newTest(t, cfg).Verify(t.Context(), mint(t, as(Candidate))); !errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, policy.ErrUnavailable)
	}
}

func TestAnUnsignedTokenIsNotAskedAbout(t *testing.T) {
	cfg := testConfig()
	cfg.Revocations = revoked{broken: errors.New("asked")}
	if _, err := newTest(t, cfg).Verify(t.Context(), unsigned(t, "none")); !errors.Is(err, policy.ErrUnauthenticated) {
		t.Errorf("error %v, want %v", err, policy.ErrUnauthenticated)
	}
}

func TestErrorsShowNothingOfTheToken(t *testing.T) {
	c := as(Recruiter)
	c.User, c.TokenID, c.Company, c.Attested = "canary-user", "canary-token", "canary-company", testNow.Add(-time.Hour)
	expired := c
	expired.Expires = testNow.Add(-time.Minute)
	other, err := Mint("canary-kid", nextSecret, c)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cfg := testConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	v := newTest(t, cfg)
	for _, token := range []string{mint(t, c), mint(t, expired), other, mint(t, c) + "x"} {
		_, err := v.Verify(t.Context(), token)
		var refusal *policy.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("error %v is no refusal", err)
		}
		shown := fmt.Sprintf("%v %+v %#v %s", err, err, refusal, log.String())
		for _, secret := range append(strings.Split(token, "."), "canary", string(testSecret)) {
			if strings.Contains(shown, secret) {
				t.Errorf("error or log shows %q", secret)
			}
		}
	}
}

func TestAWrongConfigurationIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  VerifierConfig
		want string
	}{
		"nothing":        {VerifierConfig{}, "JWKS URL or at least one API key"},
		"short secret":   {VerifierConfig{Keys: map[string][]byte{"k": testSecret[:31]}}, "at least 32"},
		"empty secret":   {VerifierConfig{Keys: map[string][]byte{"k": nil}}, "at least 32"},
		"plain http":     {VerifierConfig{JWKSURL: "http://id.example/jwks"}, "must be https"},
		"no URL":         {VerifierConfig{JWKSURL: "id.example"}, "is not a URL"},
		"another scheme": {VerifierConfig{JWKSURL: "ftp://id.example/jwks"}, "must be https"},
		"too much skew":  {VerifierConfig{Keys: map[string][]byte{"k": testSecret}, Skew: time.Hour}, "clock skew"},
		"negative skew":  {VerifierConfig{Keys: map[string][]byte{"k": testSecret}, Skew: -1}, "clock skew"},
	} {
		if _, err := NewVerifier(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestASessionEndsWithWhicheverRunsOutFirst(t *testing.T) {
	early, late := testNow, testNow.Add(time.Hour)
	for _, test := range []struct{ expires, attested, want time.Time }{
		{late, time.Time{}, late}, {late, early, early}, {early, late, early},
	} {
		if got := (Principal{Expires: test.expires, Attested: test.attested}).Until(); got != test.want {
			t.Errorf("until %v, want %v", got, test.want)
		}
	}
}

func TestAPrincipalIsLoggedByItsRoleOnly(t *testing.T) {
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("in", "principal", Principal{User: "canary", Role: Candidate, TokenID: "canary"})
	if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "candidate") {
		t.Errorf("logged %s", log.String())
	}
}

func TestMintRefusesWhatNoVerifierTakes(t *testing.T) {
	if _, err := Mint("dev", testSecret[:31], as(Candidate)); err == nil {
		t.Error("minted with a short secret")
	}
	if _, err := Mint("dev", testSecret, Claims{User: "u", Role: Service}); err == nil {
		t.Error("minted without an expiry")
	}
	a, _ := Mint("dev", testSecret, Claims{User: "u", Role: Service, Expires: testNow})
	b, _ := Mint("dev", testSecret, Claims{User: "u", Role: Service, Expires: testNow})
	if a == b {
		t.Error("two tokens have one id")
	}
}

func FuzzVerify(f *testing.F) {
	for _, r := range Roles {
		f.Add(mint(f, as(r)))
	}
	f.Add(signHS(f, map[string]any{"kid": nil, "crit": 1}, jwt.MapClaims{"exp": 1e300, "iat": "x", "aud": 1}))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	v := newTest(f, testConfig())
	minted := map[string]bool{}
	for _, r := range Roles {
		minted[mint(f, as(r))] = true
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := v.Verify(t.Context(), token)
		if err == nil && !minted[token] {
			t.Fatalf("accepted a token that nobody minted, as %s", p.Role)
		}
		var refusal *policy.Refusal
		if err != nil && (!errors.As(err, &refusal) || p.User != "") {
			t.Fatalf("error %v is no refusal, or gave a principal", err)
		}
	})
}

// FuzzPayload signs whatever the fuzzer makes up, so that the claims behind a good signature are parsed as well.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`{"sub":"u","role":"service","jti":"t","iat":1782894000,"exp":1782898000}`))
	f.Add([]byte(`{"sub":"u","role":"recruiter","att":{"exp":1e99},"age":"18+","amr":[""],"aud":"x","exp":1782898000.5}`))
	f.Add([]byte(`{"sub":1,"role":null,"att":[],"guardian":"yes","iat":-1,"exp":1e400}`))
	v := newTest(f, testConfig())
	f.Fuzz(func(t *testing.T, payload []byte) {
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"dev"}`))
		text := head + "." + base64.RawURLEncoding.EncodeToString(payload)
		sig, err := jwt.SigningMethodHS256.Sign(text, testSecret)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Verify(t.Context(), text+"."+base64.RawURLEncoding.EncodeToString(sig))
		if err != nil {
			return
		}
		if p.User == "" || p.TokenID == "" || p.Issued.IsZero() || p.Expires.Before(testNow.Add(-time.Minute)) || requirements[p.Role].attested && p.Company == "" {
			t.Fatalf("accepted %+v", p)
		}
	})
}
