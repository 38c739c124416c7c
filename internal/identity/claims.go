package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// AgeBand says how old a person is, as far as the platform must tell. The zero value is unknown, which is refused to
// people (T8).
type AgeBand string

// The age bands that a token may carry. Whoever is younger gets no token that is accepted.
const (
	Adult AgeBand = "18+"
	Minor AgeBand = "16-17" // only with a guardian's consent
)

// Claims is what a token says. On the wire it is a JWT whose payload reads
//
//	{"sub":"u-17","role":"recruiter","company":"c-3","att":{"exp":1790000000},"age":"18+","guardian":false,
//	 "amr":["pwd","otp"],"jti":"…","iat":1780000000,"exp":1780003600,"nbf":…,"iss":"…","aud":["…"]}
//
// sub, role, jti, iat and exp are required of every token.
type Claims struct {
	User     UserID
	Role     Role
	Company  CompanyID // required of recruiters and headhunters
	Attested time.Time // att.exp: until when real name and employment are attested (T7)
	Age      AgeBand   // required of people who are no staff (T8)
	Guardian bool      // a guardian's consent is on record (T8)
	Factors  []string  // amr (RFC 8176): how the person signed in (A2)

	TokenID   string
	Issued    time.Time
	Expires   time.Time
	NotBefore time.Time // zero: at once
	Issuer    string
	Audience  []string
}

// payload is the JSON of a token.
type payload struct {
	jwt.RegisteredClaims
	Role        Role         `json:"role"`
	Company     CompanyID    `json:"company,omitempty"`
	Attestation *attestation `json:"att,omitempty"`
	Age         AgeBand      `json:"age,omitempty"`
	Guardian    bool         `json:"guardian,omitempty"`
	Factors     []string     `json:"amr,omitempty"`
}

type attestation struct {
	Expires *jwt.NumericDate `json:"exp"`
}

// Mint signs a token by HS256 with the secret of the API key kid, as a platform's backend would. A zero TokenID or
// Issued is filled in. It checks no rule: a token that [Verifier.Verify] refuses can be minted, for tests.
func Mint(kid string, secret []byte, c Claims) (string, error) {
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	if c.Expires.IsZero() {
		return "", errors.New("mint token: no expiry given")
	}
	if c.TokenID == "" {
		c.TokenID = rand.Text()
	}
	if c.Issued.IsZero() {
		c.Issued = time.Now()
	}
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, c.payload())
	t.Header["kid"] = kid
	signed, err := t.SignedString(secret)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return signed, nil
}

func (c Claims) payload() payload {
	p := payload{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: string(c.User), ID: c.TokenID, Issuer: c.Issuer, Audience: c.Audience,
			IssuedAt: numeric(c.Issued), ExpiresAt: numeric(c.Expires), NotBefore: numeric(c.NotBefore),
		},
		Role: c.Role, Company: c.Company, Age: c.Age, Guardian: c.Guardian, Factors: c.Factors,
	}
	if !c.Attested.IsZero() {
		p.Attestation = &attestation{Expires: numeric(c.Attested)}
	}
	return p
}

func (p payload) claims() Claims {
	c := Claims{
		User: UserID(p.Subject), Role: p.Role, Company: p.Company, Age: p.Age, Guardian: p.Guardian, Factors: p.Factors,
		TokenID: p.ID, Issuer: p.Issuer, Audience: p.Audience,
		Issued: moment(p.IssuedAt), Expires: moment(p.ExpiresAt), NotBefore: moment(p.NotBefore),
	}
	if p.Attestation != nil {
		c.Attested = moment(p.Attestation.Expires)
	}
	return c
}

func numeric(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}

func moment(d *jwt.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.UTC()
}
