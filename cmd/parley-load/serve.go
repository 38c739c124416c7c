package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"

	"parley/internal/identity"
	"parley/internal/server"
	"parley/signal/gateway"
)

// serveCommand is a whole node, with fresh data unless it is given some, for loads that need one.
type serveCommand struct {
	Data     string `help:"The data folder, which stays; without it a fresh one that goes with the server."`
	Database string `help:"A PostgreSQL database instead of SQLite in the data folder."`
	Profile  string `help:"Write a processor profile of the whole life to this file."`
	Quick    bool   `help:"Let sessions send faster than people do, and come all at once from one address."`
}

// node is what serve says of itself.
type node struct {
	HTTP  string `json:"http"`
	Admin string `json:"admin"`
	// KeyID and Secret sign tokens (HS256) that the node accepts.
	KeyID  string `json:"key_id"`
	Secret []byte `json:"secret"`
	Data   string `json:"data"`
}

// quick is more than one load can do.
const quick = 1_000_000

func (c serveCommand) limits() gateway.Limits {
	if !c.Quick {
		return gateway.Limits{}
	}
	return gateway.Limits{Frames: quick, Burst: quick, Connections: quick, Storm: quick}
}

// Run serves until the parent ends.
func (c serveCommand) Run(ctx context.Context, out io.Writer) (err error) {
	stopProfile, err := profile(c.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	about := node{KeyID: "load", Secret: []byte(rand.Text() + rand.Text()), Data: c.Data}
	if c.Data == "" {
		if about.Data, err = os.MkdirTemp("", "parley-load-"); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
		defer os.RemoveAll(about.Data)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	s, err := server.New(server.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", UDP: netip.AddrPortFrom(loopback, 0), Public: []netip.Addr{loopback},
		Data: about.Data, Build: "parley-load", Engines: server.Engines{Database: c.Database}, Limits: c.limits(),
		Tokens: identity.VerifierConfig{Keys: map[string][]byte{about.KeyID: about.Secret}},
		Log:    slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	if err := s.Open(ctx); err != nil {
		return err
	}
	about.HTTP, about.Admin = s.URL(), s.AdminURL()
	if err := sayReady(out, about); err != nil {
		return err
	}
	return s.Run(ctx)
}
