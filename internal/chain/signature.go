package chain

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// Errors of [Verify], possibly wrapped.
var (
	// ErrDomain says that a message to sign or verify does not begin with a domain line.
	ErrDomain = errors.New("chain: message has no domain line")
	// ErrWrongKey says that a signature names another key than the one it is held against.
	ErrWrongKey = errors.New("chain: signature is by another key")
	// ErrBadSignature says that the signature is not of this message.
	ErrBadSignature = errors.New("chain: signature does not match")
)

// maxDomain is the longest domain line in bytes, its newline included.
const maxDomain = 64

// domainPrefix begins every domain line.
const domainPrefix = "parley "

// CheckDomain says whether the message begins with a domain line, "parley <what> v<n>\n" of at most 64 bytes. Every
// [Signer] refuses to sign one that does not.
func CheckDomain(message []byte) error {
	line, _, found := bytes.Cut(message[:min(len(message), maxDomain)], []byte{'\n'})
	if !found || !bytes.HasPrefix(line, []byte(domainPrefix)) || len(line) == len(domainPrefix) {
		return ErrDomain
	}
	return nil
}

// Verify checks a signature over a message that begins with its domain line: nil, or why not.
func Verify(pub ed25519.PublicKey, message []byte, sig Signature) error {
	if len(pub) != ed25519.PublicKeySize {
		return fmt.Errorf("chain: public key has %d bytes, not %d", len(pub), ed25519.PublicKeySize)
	}
	if err := CheckDomain(message); err != nil {
		return err
	}
	if id := PublicKeyID(pub); sig.Key != id {
		return fmt.Errorf("%w: by %s, not %s", ErrWrongKey, sig.Key, id)
	}
	if !ed25519.Verify(pub, message, sig.Bytes) {
		return ErrBadSignature
	}
	return nil
}

// SignWith signs a message that begins with its domain line with a private key in memory, for signers.
func SignWith(key ed25519.PrivateKey, message []byte) (Signature, error) {
	if err := CheckDomain(message); err != nil {
		return Signature{}, err
	}
	pub := key.Public().(ed25519.PublicKey)
	return Signature{Key: PublicKeyID(pub), Bytes: ed25519.Sign(key, message)}, nil
}
