package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/internal/testenv/engines"
)

// folder is one that other users may pass, which a load must leave empty.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parley-load-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		_ = os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the database runs as another user
		t.Fatal(err)
	}
	return dir
}

// childless fails the test if it leaves a process of its own.
func childless(t *testing.T) {
	t.Helper()
	before := children(t)
	t.Cleanup(func() {
		for _, pid := range children(t) {
			if !slices.Contains(before, pid) {
				gone(t, pid)
			}
		}
	})
}

func children(t *testing.T) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that has ended since
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// wantFigures fails the test unless each of the fields is a number.
func wantFigures(t *testing.T, row map[string]any, fields ...string) {
	t.Helper()
	for _, f := range fields {
		if _, ok := row[f].(float64); !ok {
			t.Errorf("%s is %v", f, row[f])
		}
	}
}

func TestChatPrintsEachStoreBesideItsCeiling(t *testing.T) {
	onLinux(t)
	childless(t)
	rows := load(t, "chat", "--only", "send", "--seconds", "1", "--senders", "3", "--in-flight", "2", "--dir", folder(t))
	want := []string{"sqlite", "postgres"}
	if err := engines.HasPostgres(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Error(err)
		}
		want = want[:1]
	}
	var stores []string
	acked := 0.0 // of all: a disk can stand still for a second
	for _, r := range rows {
		stores = append(stores, r["store"].(string))
		wantFigures(t, r, "acked_per_s", "ack_p50_ms", "ack_p99_ms", "delivered_per_s", "ceiling_per_s", "ceiling_p99_ms",
			"ceiling_pct", "server_cpu_us", "clients_cpu_us", "fsync_p99_ms")
		acked += r["acked_per_s"].(float64)
		if r["senders"] != 3.0 || r["in_flight"] != 2.0 || r["ceiling_per_s"].(float64) < 1 || r["ack_p50_ms"].(float64) > r["ack_p99_ms"].(float64) {
			t.Errorf("%v", r)
		}
	}
	if acked < 1 {
		t.Error("nothing was acknowledged")
	}
	if !slices.Equal(stores, want) {
		t.Errorf("stores %v, want %v", stores, want)
	}
}

func TestChatLoadsAServerThatRuns(t *testing.T) {
	childless(t)
	var about node
	p, err := startServer(t.Context(), &about, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	acked := 0.0
	for range 2 { // one load does not stand in the way of the next
		rows := load(t, "chat", "--seconds", "1", "--senders", "2", "--in-flight", "1", "--target", about.HTTP,
			"--api-key", about.KeyID, "--api-secret", string(about.Secret))
		if len(rows) != 1 {
			t.Fatalf("%v", rows)
		}
		wantFigures(t, rows[0], "senders", "in_flight", "acked_per_s", "ack_p50_ms", "ack_p99_ms")
		acked += rows[0]["acked_per_s"].(float64)
		for _, f := range []string{"ceiling_per_s", "ceiling_p99_ms", "server_cpu_us"} {
			if v, told := rows[0][f]; told {
				t.Errorf("%s is %v", f, v)
			}
		}
	}
	if acked < 1 {
		t.Error("nothing was acknowledged")
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestChatMeasuresARoomIdleConnectionsAndAStorm(t *testing.T) {
	onLinux(t)
	childless(t)
	for only, fields := range map[string][]string{
		"fan-out": {"subscribers", "said_per_s", "deliveries_per_s", "cpu_us_per_delivery", "delivery_p50_ms", "delivery_p99_ms", "server_cpu_pct"},
		"idle":    {"idle_conns", "rss_kb_per_idle_conn", "rss_mb_before", "rss_mb_after", "idle_cpu_pct"},
		"storm":   {"clients", "live_p50_s", "live_p99_s", "all_live_s", "written", "missing", "server_cpu_ms_per_client"},
	} {
		rows := load(t, "chat", "--only", only, "--seconds", "1", "--subscribers", "20", "--rate", "40", "--idle", "20", "--storm", "20")
		if len(rows) != 1 || rows[0]["scenario"] != strings.ReplaceAll(only, "-", "_") {
			t.Fatalf("%s: %v", only, rows)
		}
		wantFigures(t, rows[0], fields...)
		switch only {
		case "fan-out":
			if rows[0]["deliveries_per_s"].(float64) < 20 || rows[0]["delivery_p99_ms"].(float64) <= 0 {
				t.Errorf("%v", rows[0])
			}
		case "storm":
			if rows[0]["missing"] != 0.0 || rows[0]["written"].(float64) < 1 || rows[0]["all_live_s"].(float64) <= 0 {
				t.Errorf("%v", rows[0])
			}
		}
	}
}

func TestAChatThatIsGivenUpLeavesNothing(t *testing.T) {
	onLinux(t)
	childless(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := run(ctx, []string{"chat", "--seconds", "600", "--senders", "2", "--dir", folder(t)}, &bytes.Buffer{})
	if err == nil {
		t.Error("ten minutes have gone by")
	}
}

func TestAServerThatRefusesTheTokensIsAnError(t *testing.T) {
	var about node
	p, err := startServer(t.Context(), &about, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	err = run(t.Context(), []string{"chat", "--target", about.HTTP, "--api-key", about.KeyID, "--api-secret", strings.Repeat("x", 40)}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestChatsAndRecordingsThatCannotBeLoadedAreRefused(t *testing.T) {
	t.Setenv("PARLEY_API_KEY", "")
	for _, args := range [][]string{
		{"chat", "--target", "https://example.org"}, {"chat", "--seconds", "0"}, {"chat", "--senders", "0"}, {"chat", "--in-flight", "0"},
		{"recording", "--target", "https://example.org"}, {"recording", "--seconds", "0"}, {"recording", "--interviews", "0"},
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestPercentilesAreOfWhatThereIs(t *testing.T) {
	one := []time.Duration{1, 2, 3, 4}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := percentile(one, share); got != want {
			t.Errorf("percentile %v is %v, want %v", share, got, want)
		}
	}
	if got := percentile(nil, 0.5); got != 0 {
		t.Errorf("percentile of nothing is %v", got)
	}
}
