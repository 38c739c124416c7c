package outbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// SignatureHeader carries the moment of the try and one signature for each secret: "t=1772600000,v1=<hex>,v1=<hex>".
const SignatureHeader = "Parley-Signature"

// minSecret is the shortest secret, in bytes.
const minSecret = 32

// Secret is what signatures are made with. It never shows itself.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// CheckSecrets says what is wrong with secrets: one, or two while they are exchanged, of 32 bytes at least.
func CheckSecrets(secrets []Secret) error {
	if n := len(secrets); n < 1 || n > 2 {
		return errors.New("webhook secret: one, or two while they are exchanged")
	}
	for _, s := range secrets {
		if len(s) < minSecret {
			return fmt.Errorf("webhook secret: shorter than %d bytes", minSecret)
		}
	}
	return nil
}

// Sign is the value of [SignatureHeader]: HMAC-SHA-256 over the moment in Unix seconds, a dot, and the body.
func Sign(at time.Time, body []byte, secrets []Secret) string {
	t := strconv.FormatInt(at.Unix(), 10)
	header := "t=" + t
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		mac.Write([]byte(t + "."))
		mac.Write(body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header
}
