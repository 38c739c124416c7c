package root

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"parley/storage/keys"
)

// Config is what [Open] can be told.
type Config struct {
	// Trust are the authorities that may vouch for a KMS; nil means those of the system.
	Trust *x509.CertPool
	// Getenv reads the environment; nil means [os.Getenv].
	Getenv func(string) string
}

// Open finds a root key. It reads the file or the variable but does not call a KMS: whoever opens a vault with it does.
// The error for a file that is not there wraps [fs.ErrNotExist] and says how to make one.
func Open(ref string, cfg Config) (keys.Root, error) {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	scheme, rest, hasScheme := strings.Cut(ref, "://")
	switch {
	case ref == "":
		return nil, errors.New("root key: none is named; give a file, env:NAME or hcvault://HOST/MOUNT/keys/KEY")
	case strings.HasPrefix(ref, "env:"):
		return fromEnvironment(strings.TrimPrefix(ref, "env:"), cfg.Getenv)
	case hasScheme && scheme == "hcvault":
		return newKMS(rest, cfg)
	case hasScheme:
		return nil, fmt.Errorf("root key: %s:// is not supported; use a file, env:NAME or hcvault://HOST/MOUNT/keys/KEY", scheme)
	}
	return FromFile(ref)
}

func fromEnvironment(name string, getenv func(string) string) (keys.Root, error) {
	text := getenv(name)
	if text == "" {
		return nil, fmt.Errorf("root key: the environment variable %s is empty", name)
	}
	secret, err := parse(text, true)
	if err != nil {
		return nil, fmt.Errorf("root key: the environment variable %s %w", name, err)
	}
	return newLocal("env:"+name, secret)
}
