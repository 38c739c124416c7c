package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"parley/internal/identity"
	"parley/internal/server"
	"parley/storage/object/s3"
	"parley/web"
)

// serveCommand runs the server for real use.
type serveCommand struct {
	Config
}

// Run serves until a signal comes.
func (s *serveCommand) Run(ctx context.Context, hurry hurry, io streams) error {
	if err := errors.Join(s.check(), s.checkServe()); err != nil {
		return err
	}
	cfg, err := s.server(io)
	if err != nil {
		return err
	}
	cfg.Pages, cfg.Hurry = web.Client(), hurry
	node, err := server.New(cfg)
	if err != nil {
		return err
	}
	if err := node.Open(ctx); err != nil {
		return err
	}
	return node.Run(ctx)
}

// checkServe is what real use asks for beside [Config.check].
func (c *Config) checkServe() error {
	var errs []error
	if c.Data == "" {
		errs = append(errs, &wrong{"data", "is missing", "name the folder of database, recordings and keys, for example --data /var/lib/parley"})
	}
	if c.JWKSURL == "" && c.APIKey == "" {
		errs = append(errs, &wrong{"jwks-url", "is missing", "name where the platform publishes its keys, or give --api-key and --api-secret"})
	}
	return errors.Join(errs...)
}

// server turns settings that were checked into the server's terms.
func (c *Config) server(io streams) (server.Config, error) {
	udp, err := net.ResolveUDPAddr("udp", c.UDP)
	if err != nil {
		return server.Config{}, &wrong{"udp", err.Error(), "write HOST:PORT or :PORT, for example :7882"}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return server.Config{}, &wrong{"data", err.Error(), "name a folder that this user may write"}
	}
	engines, err := c.engines()
	if err != nil {
		return server.Config{}, err
	}
	cfg := server.Config{
		HTTP: c.HTTP, Admin: c.Admin, UDP: everywhere(udp), UDPWorkers: c.UDPWorkers, Public: addresses(c.PublicIP),
		Data:        c.Data,
		TLS:         server.TLS{CertFile: c.TLSCert, KeyFile: c.TLSKey, Domains: c.ACMEDomain},
		Engines:     engines,
		Cluster:     server.Cluster{Address: c.Cluster, TLS: c.ClusterTLS},
		Outward:     server.Outward{Region: c.Region, Recipients: c.Recipient, Webhook: string(c.Webhook), Secrets: plain(c.WebhookSecret)},
		Rules:       c.Rules,
		DrainFor:    time.Duration(c.DrainFor),
		BehindProxy: c.BehindProxy, Origins: origins(c.Origin),
		Tokens:    identity.VerifierConfig{Issuer: c.Issuer, Audience: c.Audience, JWKSURL: c.JWKSURL, Skew: time.Duration(c.ClockSkew)},
		Build:     thisBuild().String(),
		StopAfter: time.Duration(c.StopAfter),
		Log:       c.logger(io),
	}
	if c.APIKey != "" {
		cfg.Tokens.Keys = map[string][]byte{c.APIKey: []byte(c.APISecret)}
	}
	return cfg, nil
}

// origins are as browsers write them: without a slash at the end.
func origins(list []string) []string {
	var all []string
	for _, o := range list {
		all = append(all, strings.ToLower(strings.TrimRight(o, "/")))
	}
	return all
}

// everywhere is the address, on all IPv4 addresses of the machine when it names none.
func everywhere(a *net.UDPAddr) netip.AddrPort {
	if a.IP == nil {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(a.Port))
	}
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

func (c *Config) logger(io streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked before
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(io.err, options))
	}
	return slog.New(slog.NewJSONHandler(io.err, options))
}

// engines turns settings that were checked into what a vault and a node are opened with.
func (c *Config) engines() (server.Engines, error) {
	e := server.Engines{Database: string(c.Database), Vault: string(c.Vault), RootKey: c.RootKey, Redis: string(c.Redis), S3: c.S3}
	var err error
	if e.Trust, err = c.trust(); err != nil || c.S3 == "" {
		return e, err
	}
	if e.Writer, err = s3.ParseCredential(string(c.S3Writer)); err != nil {
		return e, err
	}
	e.Reader, err = s3.ParseCredential(string(c.S3Reader))
	return e, err
}

func plain(secrets []secret) []string {
	var all []string
	for _, s := range secrets {
		all = append(all, string(s))
	}
	return all
}
