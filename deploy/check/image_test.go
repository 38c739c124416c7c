package check

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the user of the image.
const nobody = 65532

// emptyRoot is a root like the image's: the programs, the authorities, a place for what has no name, the data.
func emptyRoot(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("another root needs the system's root")
		}
		t.Skip("another root needs the system's root")
	}
	root, err := os.MkdirTemp("", "parley-root-") // not below a folder that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	for dir, mode := range map[string]os.FileMode{"": 0o755, "tmp": 0o777 | os.ModeSticky, "var/lib/parley": 0o755, "usr/local/bin": 0o755, "etc/ssl/certs": 0o755} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(root, "var/lib/parley"), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	copyFile(t, built(t), filepath.Join(root, "usr/local/bin/parley"), 0o755)
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err == nil {
		copyFile(t, "/etc/ssl/certs/ca-certificates.crt", filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), 0o644)
	}
	return root
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, mode); err != nil {
		t.Fatal(err)
	}
}

// inside is the program run in the root as the image's user, with the image's environment and nothing of this machine's.
func inside(root string, args ...string) *exec.Cmd {
	c := exec.Command("/usr/local/bin/parley", args...)
	c.Dir, c.Env = "/", []string{"PARLEY_DATA=/var/lib/parley", "PARLEY_HTTP=127.0.0.1:0", "PARLEY_ADMIN=127.0.0.1:0", "PARLEY_UDP=127.0.0.1:0",
		"PARLEY_API_KEY=k", "PARLEY_API_SECRET=" + strings.Repeat("s", 32)}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return c
}

func TestTheProgramIsStatic(t *testing.T) {
	f, err := elf.Open(built(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v, %v", libraries, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
}

func TestTheProgramRunsInAnEmptyRootAsNobody(t *testing.T) {
	root := emptyRoot(t)
	if out, err := inside(root, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "image-test") {
		t.Fatalf("version: %v\n%s", err, out)
	}
	server := inside(root, "serve")
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { _ = server.Process.Kill() })
	defer stuck.Stop()
	admin, said := awaitReady(log)
	if admin == "" {
		_ = server.Process.Kill()
		t.Fatalf("not ready: %v\n%s", server.Wait(), said)
	}
	if out, err := inside(root, "ready", "--admin", admin).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "ready" {
		t.Errorf("ready: %v\n%s", err, out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("stop: %v\n%s%s", err, said, rest)
	}
}

// awaitReady reads the log up to the line that says ready; it gives the admin address, and all that was read.
func awaitReady(log io.Reader) (admin, said string) {
	for r := bufio.NewReader(log); ; {
		line, err := r.ReadString('\n')
		said += line
		var l struct{ Msg, Admin string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "ready" {
			return strings.Replace(strings.TrimPrefix(l.Admin, "http://"), "localhost", "127.0.0.1", 1), said
		}
		if err != nil {
			return "", said
		}
	}
}
