package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// orphanVariable has this test's program start a server, print its process and wait to be killed.
const orphanVariable = "PARLEY_LOAD_ORPHAN"

// TestMain lets the test's program be the server that a load starts.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childVariable) != "":
		main()
	case os.Getenv(orphanVariable) != "":
		p, err := startServer(context.Background(), nil, "serve-sfu")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.cmd.Process.Pid)
		select {}
	default:
		os.Exit(m.Run())
	}
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the use of a process is read from /proc, which is Linux's")
	}
}

// load runs a command and decodes what it prints.
func load(t *testing.T, args ...string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append(args, "--json"), &out); err != nil {
		t.Fatalf("parley-load %s: %v", strings.Join(args, " "), err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	return rows
}

func TestSfuPrintsEachScenarioWithOffloadAndWithout(t *testing.T) {
	onLinux(t)
	rows := load(t, "sfu", "--seconds", "1", "--subscribers", "3")
	var scenarios []string
	for _, r := range rows {
		scenarios = append(scenarios, fmt.Sprint(r["scenario"], r["offload"]))
		for _, field := range []string{"subscribers", "packets_per_s", "cpu_us_per_packet", "loss_pct", "delay_p99_ms",
			"rss_kb_per_subscriber", "datagrams_per_call", "raw_sendto_us", "raw_segmented_us"} {
			if _, ok := r[field].(float64); !ok {
				t.Errorf("%v: %s is %v", r["scenario"], field, r[field])
			}
		}
		if r["subscribers"] != 3.0 || r["packets_per_s"].(float64) < 10 || r["loss_pct"].(float64) > 50 {
			t.Errorf("%v", r)
		}
	}
	if want := []string{"uniformtrue", "uniformfalse", "browsertrue", "browserfalse"}; !slices.Equal(scenarios, want) {
		t.Errorf("scenarios %v", scenarios)
	}
	if plain := rows[1]["datagrams_per_call"].(float64); plain != 1 {
		t.Errorf("%v datagrams a call without offload", plain)
	}
}

func TestWhatCannotBeLoadedIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"sfu", "--target", "https://example.org"}, {"sfu", "--seconds", "0"}, {"sfu", "--subscribers", "0"}, {"serve-sfu"},
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestALoadEndsWithItsContext(t *testing.T) {
	onLinux(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	if err := run(ctx, []string{"sfu", "--seconds", "600", "--subscribers", "1"}, &bytes.Buffer{}); err == nil {
		t.Error("ten minutes have gone by")
	}
	if took := time.Since(began); took > 2*time.Second+stopWithin {
		t.Errorf("it took %v to end", took)
	}
}

func TestAServerEndsWithAParentThatIsKilled(t *testing.T) {
	onLinux(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), orphanVariable+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(child) {
		t.Error("the server does not run")
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	gone(t, child)
}

// alive says that a process runs; one that has ended and waits to be asked for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func gone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for alive(pid) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func TestServeIsANodeWhoseDataGoesWithIt(t *testing.T) {
	var about node
	p, err := startServer(t.Context(), &about, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	res, err := http.Get(about.Admin + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || about.HTTP == "" || len(about.Secret) < 16 || about.KeyID == "" {
		t.Errorf("%d from %+v", res.StatusCode, about.Admin)
	}
	if u, err := p.usage(); runtime.GOOS == "linux" && (err != nil || u.rss < 1<<20) {
		t.Errorf("it uses %+v, %v", u, err)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(about.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is left: %v", err)
	}
}

func TestAServerThatCannotStartIsAnError(t *testing.T) {
	if _, err := startServer(t.Context(), nil, "no-such-command"); err == nil {
		t.Error("it started")
	}
}
