package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What an error or a log line must not tell of the network.
const quietAddr, quietName = "192.0.2.7:7443", "node-7.internal.example"

func quietCases() map[string]error {
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 7443}
	past, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	_, late := (&net.Dialer{}).DialContext(past, "tcp", quietAddr)
	inURL := func(err error) error {
		return &url.Error{Op: "Post", URL: "https://" + quietAddr + "/call/x", Err: err}
	}
	return map[string]error{
		"a dial that took too long": inURL(late),
		"a name that leads nowhere": inURL(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: quietName, Server: quietAddr}}),
		"a refused connection":      inURL(&net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		"a reset in a body":         fmt.Errorf("read: %w", &net.OpError{Op: "read", Net: "tcp", Source: to, Addr: to, Err: syscall.ECONNRESET}),
		"an address that is none":   inURL(&net.OpError{Op: "dial", Net: "tcp", Err: &net.AddrError{Err: "missing port", Addr: quietName}}),
		"a call that took too long": inURL(context.DeadlineExceeded),
	}
}

func TestErrorsOfTheNetworkNameNoAddress(t *testing.T) {
	for what, err := range quietCases() {
		text := bare(err).Error()
		if text == "" || strings.Contains(text, "192.0.2") || strings.Contains(text, quietName) {
			t.Errorf("%s: %q", what, text)
		}
		if got, want := errors.Is(bare(err), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded); got != want {
			t.Errorf("%s: a time-out: %v, want %v", what, got, want)
		}
	}
}

func TestTheLogOfConnectionsNamesNoAddress(t *testing.T) {
	var b bytes.Buffer
	log := slog.NewLogLogger(noAddresses{slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})}, slog.LevelDebug)
	for _, line := range []string{
		"http: TLS handshake error from " + quietAddr + ": EOF",
		"http: panic serving " + quietAddr + ": somebody's words\ngoroutine 1",
		"http2: panic serving " + quietAddr + ": somebody's words",
		"http: Accept error: accept tcp " + quietAddr + ": too many open files; retrying in 5ms",
	} {
		b.Reset()
		log.Print(line)
		if text := b.String(); !strings.Contains(text, "connection of a node: http") || strings.Contains(text, "192.0.2") || strings.Contains(text, "words") {
			t.Errorf("logged %q", text)
		}
	}
}
