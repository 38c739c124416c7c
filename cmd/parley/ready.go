package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// readyCommand asks a server on this machine whether it can serve: for health checks where there is no shell.
type readyCommand struct {
	Admin string `default:"localhost:8081" placeholder:"ADDR" help:"The server's admin address (${default})."`
}

// readyTime is how long the server may take to answer.
const readyTime = 4 * time.Second

// Run returns nil if the server is ready.
func (r *readyCommand) Run(ctx context.Context, out streams) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Admin+"/readyz", nil)
	if err != nil {
		return &wrong{"admin", fmt.Sprintf("%q is not an address", r.Admin), "write HOST:PORT, for example localhost:8081"}
	}
	res, err := (&http.Client{Transport: ownServer()}).Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer res.Body.Close()
	why, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(why)))
	}
	fmt.Fprintln(out.out, "ready")
	return nil
}
