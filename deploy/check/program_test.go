package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// program is the server as the image has it, built once by the very command of the Dockerfile.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-image-")
	if err != nil {
		return "", err
	}
	programFolder = dir
	command, err := buildCommand()
	if err != nil {
		return "", err
	}
	build := exec.Command("sh", "-ec", strings.Replace(command, "-o /out/", "-o "+dir+"/", 1))
	build.Dir, build.Env = "../..", append(os.Environ(), "VERSION=image-test")
	if out, err := build.CombinedOutput(); err != nil {
		return "", &failed{command, err, string(out)}
	}
	return filepath.Join(dir, "parley"), nil
})

var programFolder string // empty until it is built

type failed struct {
	command string
	err     error
	out     string
}

func (f *failed) Error() string { return f.command + ": " + f.err.Error() + "\n" + f.out }

// buildCommand is the line of the Dockerfile that builds the programs.
func buildCommand() (string, error) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build -trimpath .* -o /out/ .*)$`).FindSubmatch(text)
	if m == nil {
		return "", &failed{"Dockerfile", os.ErrNotExist, "no line builds a static program into /out/"}
	}
	return string(m[1]), nil
}

func built(t *testing.T) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMain takes the program away at the end.
func TestMain(m *testing.M) {
	code := m.Run()
	if programFolder != "" {
		os.RemoveAll(programFolder)
	}
	os.Exit(code)
}

// planted is a setting that the server refuses after it has read all others, so that it never starts.
const planted = "--stop-after=1h"

// refused are the lines of what the server says against settings, without what it says about the planted one.
func refused(t *testing.T, env []string, args ...string) []string {
	t.Helper()
	c := exec.Command(built(t), append(args, planted)...)
	c.Dir, c.Env = t.TempDir(), append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("stop-after: 1h0m0s is out of range")) {
		t.Fatalf("the server did not read its settings to the end: %v\n%s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "stop-after") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// variables are the names under which the server takes settings from the environment.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	help, err := exec.Command(built(t), "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z0-9-]+)`).FindAllSubmatch(help, -1) {
		names["PARLEY_"+strings.ToUpper(strings.ReplaceAll(string(m[1]), "-", "_"))] = true
	}
	if len(names) < 30 {
		t.Fatalf("the help names %d settings only", len(names))
	}
	return names
}
