package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parley/chat/moderation"
	"parley/internal/outbox"
	"parley/storage/bus/redis"
	"parley/storage/db"
	"parley/storage/keys/sql"
	"parley/storage/object/s3"
)

// checkEngines refuses engines that can't be reached safely (A4), and sets of them that would not be one system.
func (c *Config) checkEngines() error {
	return errors.Join(
		engine("database", c.Database, db.CheckURL),
		engine("vault", c.Vault, sql.CheckURL),
		engine("redis", c.Redis, redis.CheckURL),
		engine("s3", secret(c.S3), s3.CheckURL),
		c.checkVault(),
		c.checkStore(),
		c.checkCluster(),
		c.checkOutward(),
	)
}

// engine asks the engine itself about its URL; what it answers names the fix and nothing secret.
func engine(key string, url secret, check func(string) error) error {
	if url == "" {
		return nil
	}
	return refused(key, check(string(url)))
}

// refused says by the setting's name what a package says by its own.
func refused(key string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, own := range []string{"db: ", "redis: ", "address of the vault: ", "store URL: ", "webhook: "} {
		text = strings.TrimPrefix(text, own)
	}
	why, fix, named := strings.Cut(text, "; ")
	if !named {
		fix = "see " + key + " in parley serve --help"
	}
	return &wrong{key, why, fix}
}

func (c *Config) checkVault() error {
	switch {
	case c.Vault != "" && c.RootKey == "":
		return &wrong{"root-key", "is missing", "name what wraps the keys of --vault: a file, env:NAME or hcvault://HOST/transit/keys/NAME"}
	case c.Vault != "" && c.Vault == c.Database:
		return &wrong{"vault", "is the database of everything else", "name another database, so that no dump holds both the keys and what they open"}
	}
	return nil
}

func (c *Config) checkStore() error {
	var errs []error
	for key, value := range map[string]secret{"s3-writer": c.S3Writer, "s3-reader": c.S3Reader} {
		switch {
		case value == "" && c.S3 != "":
			errs = append(errs, &wrong{key, "is missing", "give KEY:SECRET of a credential with the policy in deploy/s3"})
		case value != "" && c.S3 == "":
			errs = append(errs, &wrong{"s3", "is missing", "name the store that " + key + " is for"})
		case value != "":
			if _, err := s3.ParseCredential(string(value)); err != nil {
				errs = append(errs, &wrong{key, "is no credential", "write KEY:SECRET"})
			}
		}
	}
	if _, err := c.trust(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkCluster wants all that nodes must have in common before there are two of them.
func (c *Config) checkCluster() error {
	if c.Cluster == "" {
		if c.ClusterTLS != "" {
			return &wrong{"cluster", "is missing", "name the HOST:PORT under which other nodes call this one"}
		}
		return nil
	}
	errs := []error{address("cluster", c.Cluster, "10.0.0.5:7443")}
	if host, _, err := net.SplitHostPort(c.Cluster); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		errs = append(errs, &wrong{"cluster", fmt.Sprintf("%q is no address that others can call", c.Cluster), "write the address of this machine, for example 10.0.0.5:7443"})
	}
	for _, shared := range []struct{ key, value string }{
		{"database", string(c.Database)}, {"vault", string(c.Vault)}, {"redis", string(c.Redis)}, {"s3", c.S3}, {"cluster-tls", c.ClusterTLS},
	} {
		if shared.value == "" {
			errs = append(errs, &wrong{shared.key, "is missing", "nodes of a cluster share it"})
		}
	}
	if c.ClusterTLS != "" {
		if _, err := os.Stat(filepath.Join(c.ClusterTLS, "node.key")); err != nil {
			errs = append(errs, &wrong{"cluster-tls", "has no node.key that can be read", "make ca.crt, node.crt and node.key by deploy/certificates.sh"})
		}
	}
	return errors.Join(errs...)
}

// longestDrain bounds how long a stop may wait.
const longestDrain = span(2 * time.Hour)

func (c *Config) checkOutward() error {
	var errs []error
	if c.DrainFor < 0 || c.DrainFor > longestDrain {
		errs = append(errs, &wrong{"drain-for", c.DrainFor.String() + " is out of range", "write 0s to 2h"})
	}
	if c.Rules != "" {
		errs = append(errs, refused("rules", moderation.Check(c.Rules, moderation.Where{Region: c.Region, Recipients: c.Recipient})))
	}
	if c.Webhook == "" {
		if len(c.WebhookSecret) > 0 {
			errs = append(errs, &wrong{"webhook", "is missing", "name where events are delivered"})
		}
		return errors.Join(errs...)
	}
	errs = append(errs, refused("webhook", outbox.CheckTarget(string(c.Webhook), c.Region, c.Recipient)))
	if n := len(c.WebhookSecret); n < 1 || n > 2 {
		errs = append(errs, &wrong{"webhook-secret", fmt.Sprintf("%d secrets", n), "give one, or two while one replaces the other"})
	}
	for _, s := range c.WebhookSecret {
		if len(s) < minSecret {
			errs = append(errs, &wrong{"webhook-secret", fmt.Sprintf("has %d bytes", len(s)), fmt.Sprintf("use at least %d random ones, for example from: openssl rand -hex 32", minSecret)})
		}
	}
	return errors.Join(errs...)
}

// trust are the system's authorities and those of the file; nil if there is no file.
func (c *Config) trust() (*x509.CertPool, error) {
	if c.Trust == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.Trust)
	if err != nil {
		return nil, &wrong{"trust", err.Error(), "name a readable file"}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &wrong{"trust", "holds no certificate", "write the authorities as PEM"}
	}
	return pool, nil
}
