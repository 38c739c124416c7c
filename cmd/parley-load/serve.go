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
)

// serveCommand is a whole node with fresh data, for loads that need one.
type serveCommand struct{}

// node is what serve says of itself.
type node struct {
	HTTP  string `json:"http"`
	Admin string `json:"admin"`
	// KeyID and Secret sign tokens (HS256) that the node accepts.
	KeyID  string `json:"key_id"`
	Secret []byte `json:"secret"`
	Data   string `json:"data"`
}

// Run serves until the parent ends; the data goes with it.
func (serveCommand) Run(ctx context.Context, out io.Writer) error {
	about := node{KeyID: "load", Secret: []byte(rand.Text() + rand.Text())}
	var err error
	if about.Data, err = os.MkdirTemp("", "parley-load-"); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	defer os.RemoveAll(about.Data)
	loopback := netip.MustParseAddr("127.0.0.1")
	s, err := server.New(server.Config{
		HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", UDP: netip.AddrPortFrom(loopback, 0), Public: []netip.Addr{loopback},
		Data: about.Data, Build: "parley-load",
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
