package s3

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Credential is an access key and its secret. It never prints: not by fmt, slog or an encoder. The zero value is none.
type Credential struct{ key, secret string }

// NewCredential makes a credential.
func NewCredential(key, secret string) Credential { return Credential{key, secret} }

// ParseCredential reads KEY:SECRET.
func ParseCredential(s string) (Credential, error) {
	key, secret, ok := strings.Cut(s, ":")
	if !ok || key == "" || secret == "" {
		return Credential{}, errors.New("credential is not of the form KEY:SECRET")
	}
	return Credential{key, secret}, nil
}

const hidden = "(credential)"

// Format implements [fmt.Formatter] for every verb.
func (Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String implements [fmt.Stringer].
func (Credential) String() string { return hidden }

// MarshalText implements [encoding.TextMarshaler].
func (Credential) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue implements [slog.LogValuer].
func (Credential) LogValue() slog.Value { return slog.StringValue(hidden) }

func (c Credential) signer() *credentials.Credentials {
	return credentials.NewStaticV4(c.key, c.secret, "") // no key: unsigned requests
}
