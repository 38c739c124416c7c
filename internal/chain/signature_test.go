package chain

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

var (
	testKey  = ed25519.NewKeyFromSeed([]byte("a seed for tests of 32 bytes ...")[:32])
	otherKey = ed25519.NewKeyFromSeed([]byte("another seed for tests, 32 bytes")[:32])
	testPub  = testKey.Public().(ed25519.PublicKey)
	otherPub = otherKey.Public().(ed25519.PublicKey)
)

func TestASignatureHoldsForItsKeyAndMessageOnly(t *testing.T) {
	message := []byte("parley test head v1\n17")
	sig, err := SignWith(testKey, message)
	if err != nil {
		t.Fatal(err)
	}
	flipped := Signature{Key: sig.Key, Bytes: append([]byte(nil), sig.Bytes...)}
	flipped.Bytes[10] ^= 1
	for name, test := range map[string]struct {
		pub     ed25519.PublicKey
		message string
		sig     Signature
		want    error
	}{
		"as signed":           {testPub, string(message), sig, nil},
		"another message":     {testPub, string(message) + "8", sig, ErrBadSignature},
		"another domain":      {testPub, "parley other head v1\n17", sig, ErrBadSignature},
		"no domain":           {testPub, "17", sig, ErrDomain},
		"another key":         {otherPub, string(message), sig, ErrWrongKey},
		"another key, forged": {otherPub, string(message), Signature{PublicKeyID(otherPub), sig.Bytes}, ErrBadSignature},
		"flipped":             {testPub, string(message), flipped, ErrBadSignature},
		"short":               {testPub, string(message), Signature{sig.Key, sig.Bytes[:63]}, ErrBadSignature},
		"empty":               {testPub, string(message), Signature{Key: sig.Key}, ErrBadSignature},
		"zero":                {testPub, string(message), Signature{}, ErrWrongKey},
	} {
		if err := Verify(test.pub, []byte(test.message), test.sig); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for _, pub := range []ed25519.PublicKey{nil, testPub[:31]} {
		if err := Verify(pub, message, sig); err == nil {
			t.Errorf("a public key of %d bytes verified", len(pub))
		}
	}
}

func TestOnlyMessagesWithADomainLineAreSigned(t *testing.T) {
	for message, ok := range map[string]bool{
		"parley recording head v1\n":               true,
		"parley audit head v1\nanything":           true,
		"parley " + strings.Repeat("x", 56) + "\n": true,
		"parley " + strings.Repeat("x", 57) + "\n": false,
		"":                               false,
		"\n":                             false,
		"parley \n":                      false,
		"parley recording head v1":       false,
		"Parley recording head v1\n":     false,
		"{}\nparley recording head v1\n": false,
		strings.Repeat("parley ", 100) + "\nnever a domain": false,
	} {
		if err := CheckDomain([]byte(message)); (err == nil) != ok {
			t.Errorf("CheckDomain(%q) = %v, want ok %v", message, err, ok)
		}
		if _, err := SignWith(testKey, []byte(message)); (err == nil) != ok {
			t.Errorf("SignWith(%q) = %v, want ok %v", message, err, ok)
		}
	}
}

func TestAKeyIsNamedByItsHash(t *testing.T) {
	if id := PublicKeyID(testPub); len(id) != 16 || id == PublicKeyID(otherPub) {
		t.Errorf("key id %q", id)
	}
}

func FuzzVerify(f *testing.F) {
	message := []byte("parley test head v1\n17")
	sig, _ := SignWith(testKey, message)
	f.Add(message, string(sig.Key), sig.Bytes)
	f.Add([]byte{}, "", []byte{})
	f.Fuzz(func(t *testing.T, m []byte, key string, b []byte) {
		err := Verify(testPub, m, Signature{Key: KeyID(key), Bytes: b})
		if err == nil && string(m) != string(message) {
			t.Fatal("a message that was never signed verified")
		}
	})
}
