package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// wrong is a setting that can't work, with what would.
type wrong struct {
	Key, Why, Fix string
}

func (w *wrong) Error() string { return fmt.Sprintf("%s: %s; %s", w.Key, w.Why, w.Fix) }

// Is makes every wrong setting a usage error.
func (w *wrong) Is(target error) bool { return target == errUsage }

// check returns all that is wrong with the settings which dev and serve share.
func (c *Config) check() error {
	return errors.Join(
		address("http", c.HTTP, "localhost:8080"),
		address("admin", c.Admin, "localhost:8081"),
		address("udp", c.UDP, ":7882"),
		c.checkAdmin(),
		c.checkMedia(),
		c.checkTLS(),
		c.checkOrigins(),
		c.checkKeys(),
		c.checkOperation(),
		c.checkEngines(),
	)
}

func address(key, value, example string) error {
	host, port, err := net.SplitHostPort(value)
	if err != nil || port == "" || strings.ContainsAny(host, "/ ") {
		return &wrong{key, fmt.Sprintf("%q is not an address", value), "write HOST:PORT or :PORT, for example " + example}
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return &wrong{key, fmt.Sprintf("%q is not a port", port), "write a number from 0 (any free one) to 65535"}
	}
	return nil
}

// reachable says that an address is one, and not only of this machine.
func reachable(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil && !loopback(addr)
}

// loopback says that an address is reachable from this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (c *Config) checkAdmin() error {
	if !reachable(c.Admin) || c.AdminAnywhere {
		return nil
	}
	return &wrong{"admin", fmt.Sprintf("%q is reachable from other machines", c.Admin),
		"use a loopback address such as localhost:8081, or say --admin-anywhere if only you can reach it"}
}

func (c *Config) checkMedia() error {
	var errs []error
	if c.UDPWorkers < 0 || c.UDPWorkers > 64 {
		errs = append(errs, &wrong{"udp-workers", fmt.Sprintf("%d sockets", c.UDPWorkers), "write 1 to 64, or 0 for one a processor"})
	}
	for _, ip := range c.PublicIP {
		if ip.IsUnspecified() || ip.IsMulticast() {
			errs = append(errs, &wrong{"public-ip", fmt.Sprintf("%s is nobody's address", ip), "write the address under which clients reach this machine"})
		}
	}
	return errors.Join(errs...)
}

// checkTLS keeps tokens and messages off the network in clear (A4).
func (c *Config) checkTLS() error {
	files, acme := c.TLSCert != "" || c.TLSKey != "", len(c.ACMEDomain) > 0
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		return &wrong{"tls-key", "is missing", "name the private key of tls-cert"}
	case c.TLSKey != "" && c.TLSCert == "":
		return &wrong{"tls-cert", "is missing", "name the certificate chain of tls-key"}
	case files && acme:
		return &wrong{"acme-domain", "stands beside tls-cert", "keep one of them"}
	case (files || acme) && c.BehindProxy:
		return &wrong{"behind-proxy", "stands beside a certificate", "leave it out if this server ends TLS, else leave out the certificate"}
	case !files && !acme && !c.BehindProxy && reachable(c.HTTP):
		return &wrong{"http", fmt.Sprintf("%q would serve plain HTTP to the network", c.HTTP),
			"give --tls-cert and --tls-key, or --acme-domain, or --behind-proxy if a proxy ends TLS, or use a loopback address"}
	}
	return nil
}

func (c *Config) checkOrigins() error {
	var errs []error
	for _, o := range c.Origin {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			errs = append(errs, &wrong{"origin", fmt.Sprintf("%q is not a web origin", o), "write scheme and host only, for example https://jobs.example.com"})
		}
	}
	return errors.Join(errs...)
}

// minSecret is the shortest accepted HS256 secret in bytes: as long as the hash (RFC 7518, 3.2).
const minSecret = 32

func (c *Config) checkKeys() error {
	var errs []error
	if u, err := url.Parse(c.JWKSURL); c.JWKSURL != "" && (err != nil || u.Host == "" ||
		u.Scheme != "https" && !(u.Scheme == "http" && loopback(net.JoinHostPort(u.Hostname(), "0")))) {
		errs = append(errs, &wrong{"jwks-url", fmt.Sprintf("%q can't be trusted with keys", c.JWKSURL), "write an https:// address (http:// only on loopback)"})
	}
	errs = append(errs, pair(c.APIKey, c.APISecret))
	if c.ClockSkew < 0 || c.ClockSkew > span(5*time.Minute) {
		errs = append(errs, &wrong{"clock-skew", c.ClockSkew.String() + " is out of range", "write 0s to 5m"})
	}
	return errors.Join(errs...)
}

func pair(key string, s secret) error {
	switch {
	case key != "" && s == "":
		return &wrong{"api-secret", "is missing", "give the secret that belongs to api-key"}
	case key == "" && s != "":
		return &wrong{"api-key", "is missing", "give the key id that tokens signed with api-secret carry"}
	case s != "" && len(s) < minSecret:
		return &wrong{"api-secret", fmt.Sprintf("has %d bytes", len(s)), fmt.Sprintf("use at least %d random ones, for example from: openssl rand -hex 32", minSecret)}
	}
	return nil
}

func (c *Config) checkOperation() error {
	var errs []error
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, c.LogLevel) {
		errs = append(errs, &wrong{"log-level", fmt.Sprintf("%q is no level", c.LogLevel), "write " + strings.Join(levels, ", ")})
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		errs = append(errs, &wrong{"log-format", fmt.Sprintf("%q is no format", c.LogFormat), "write json or text"})
	}
	if c.StopAfter < span(time.Second) || c.StopAfter > span(5*time.Minute) {
		errs = append(errs, &wrong{"stop-after", c.StopAfter.String() + " is out of range", "write 1s to 5m"})
	}
	return errors.Join(errs...)
}
