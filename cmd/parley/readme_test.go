package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheReadmeOpensAConversation does what README.md shows under "Build on it", on another port.
func TestTheReadmeOpensAConversation(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := between(t, string(page), "export PARLEY_API_KEY=mine", "```")
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{
		"API_KEY": "mine", "API_SECRET": strings.Repeat("ab", 32), "ADMIN": "localhost:0", "UDP": "127.0.0.1:0",
	} {
		t.Setenv("PARLEY_"+name, value)
	}
	base := serve(t, strings.Replace(between(t, block, "./parley ", " &"), "localhost:8080", "localhost:0", 1))

	req, err := http.NewRequest(http.MethodPost, base+"/v1/conversations", strings.NewReader(between(t, block, "-d '", "'")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+printed(t, between(t, block, "$(./parley ", ")")))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusCreated {
		t.Errorf("%d %s, %v", res.StatusCode, body, err)
	}
	if printed(t, between(t, block, "\n./parley token ", "#")) == "" {
		t.Error("no token for a client")
	}
	http.DefaultClient.CloseIdleConnections()
}

func between(t *testing.T, s, from, to string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, from)
	s, _, end := strings.Cut(s, to)
	if !ok || !end {
		t.Fatalf("README.md has nothing between %q and %q", from, to)
	}
	return s
}

// printed is what a command line prints.
func printed(t *testing.T, line string) string {
	t.Helper()
	args := strings.Fields(line)
	if args[0] != "token" {
		args = append([]string{"token"}, args...)
	}
	var out bytes.Buffer
	if err := run(t.Context(), nil, args, streams{nil, &out, io.Discard}); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return strings.TrimSpace(out.String())
}

// serve runs a server until the test ends and returns its address, out of the line that says it is ready.
func serve(t *testing.T, line string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, nil, strings.Fields(line), streams{nil, io.Discard, w})
		w.Close()
	}()
	ready := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for d := json.NewDecoder(log); ; {
			var l struct{ Msg, HTTP string }
			if d.Decode(&l) != nil {
				return
			}
			if l.Msg == "ready" {
				ready <- l.HTTP
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-read
	})
	select {
	case base := <-ready:
		return base
	case err := <-ended:
		ended <- err
		t.Fatalf("the server ended: %v", err)
	case <-time.After(startTime):
		t.Fatal("the server is not ready")
	}
	return ""
}
