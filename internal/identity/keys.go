package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// errNoKey says that no key in use has signed the token.
var errNoKey = errors.New("identity: no such key")

// minRSA is the shortest RSA modulus that is accepted, in bits.
const minRSA = 2048

// key finds the key of a token. The algorithm decides where: HS256 only ever among the configured secrets, the others
// only ever among the public keys of the JWKS and with a key of their own type. A public key can thus never be taken
// for a secret, nor a secret that slipped into a JWKS be used at all.
func (v *Verifier) key(ctx context.Context) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if _, extended := t.Header["crit"]; extended {
			return nil, errNoKey // extensions that must be understood and are not (RFC 7515, 4.1.11)
		}
		kid, ok := t.Header["kid"].(string)
		if !ok || kid == "" || len(kid) > 256 {
			return nil, errNoKey
		}
		if t.Method.Alg() == "HS256" {
			return v.secret(kid)
		}
		if v.remote == nil {
			return nil, errNoKey
		}
		return v.remote.find(ctx, t)
	}
}

func (v *Verifier) secret(kid string) (any, error) {
	if s, ok := v.secrets[kid]; ok {
		return s, nil
	}
	return nil, errNoKey
}

// fits holds a public key against the algorithm that a token names.
func fits(alg string, key any) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return alg == "EdDSA" && len(k) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		return alg == "ES256" && k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return alg == "RS256" && k.N.BitLen() >= minRSA
	}
	return false
}
