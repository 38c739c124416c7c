package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"parley":   main,
		"request":  request,
		"say":      say,
		"hear":     hear,
		"meet":     meet,
		"recorded": recorded,
		"vaultkey": vaultKey,
		"taken":    taken,
		"keyless":  keyless,
		"silent":   silent,
		"observed": observed,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up": up, "crash": crash, "end": stop, "clean": clean, "certificate": certificate,
			"await": await, "learn": learn, "engines": onEngines, "destroy": destroy, "converse": converse, "settle": settle, "build": buildProgram,
			"outage": outage, "overhear": overhear,
		},
	})
}

// process is a server that a script has started.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // once ended
	stdout sync.WaitGroup
}

// startTime is how long a server may take to be ready, on a busy machine.
const startTime = 60 * time.Second

var (
	serversMu sync.Mutex
	servers   = map[string]*process{} // by script and name
)

// up starts a server: `up NAME parley dev --json …` or `up NAME parley serve …`. A dev server's line of JSON is kept as NAME.json and
// in variables ($HTTP, $ADMIN, $CONVERSATION, $RECRUITER, … tokens, $SERVICE); of a serve server the addresses are read from its log. What it logs
// goes to NAME.log, across starts.
func up(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: up NAME parley COMMAND ARGS…")
	}
	name := args[0]
	log, err := os.OpenFile(ts.MkAbs(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	before := len(ts.ReadFile(name + ".log"))
	s := &process{cmd: exec.Command(filepath.Join(binaries(ts), args[1]), args[2:]...), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "HOME="+ts.MkAbs("."), "PATH="+ts.Getenv("PATH"))
	s.cmd.Dir, s.cmd.Stderr = ts.MkAbs("."), log
	out, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	log.Close()
	first := make(chan string, 1)
	s.stdout.Go(func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, out)
	})
	go func() {
		s.stdout.Wait()
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	serversMu.Lock()
	servers[ts.Name()+"/"+name] = s
	serversMu.Unlock()
	ts.Defer(func() { s.end(syscall.SIGKILL) })
	if args[2] == "dev" {
		s.awaitDev(ts, name, first)
		return
	}
	s.awaitLog(ts, name, before)
}

// binaries is the folder into which testscript has put this test's commands.
func binaries(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "say")); err == nil {
			return dir
		}
	}
	ts.Fatalf("the commands of this test are not in PATH")
	return ""
}

func (s *process) awaitDev(ts *testscript.TestScript, name string, first <-chan string) {
	select {
	case line := <-first:
		if line == "" {
			<-s.ended
			ts.Fatalf("%s ended before it was ready: %v\n%s", name, s.err, ts.ReadFile(name+".log"))
		}
		ts.Check(os.WriteFile(ts.MkAbs(name+".json"), []byte(line), 0o600))
		var r ready
		ts.Check(json.Unmarshal([]byte(line), &r))
		ts.Setenv("HTTP", r.HTTP)
		ts.Setenv("ADMIN", r.Admin)
		ts.Setenv("HTTP_ADDR", strings.TrimPrefix(r.HTTP, "http://"))
		ts.Setenv("CONVERSATION", r.Conversation)
		ts.Setenv("SERVICE", r.Service.Token)
		for seat, u := range r.Users {
			ts.Setenv(strings.ToUpper(seat), u.Token)
			ts.Setenv(strings.ToUpper(seat)+"_ID", u.ID)
		}
	case <-time.After(startTime):
		ts.Fatalf("%s was not ready in time\n%s", name, ts.ReadFile(name+".log"))
	}
}

// awaitLog polls the log for the line that says ready.
func (s *process) awaitLog(ts *testscript.TestScript, name string, before int) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(startTime)
	for {
		for line := range strings.Lines(ts.ReadFile(name + ".log")[before:]) {
			var r struct{ Msg, HTTP, Admin string }
			if json.Unmarshal([]byte(line), &r) == nil && r.Msg == "ready" {
				ts.Setenv("HTTP", r.HTTP)
				ts.Setenv("ADMIN", r.Admin)
				return
			}
		}
		select {
		case <-poll.C:
		case <-s.ended:
			ts.Fatalf("%s ended before it was ready: %v\n%s", name, s.err, ts.ReadFile(name+".log"))
		case <-deadline:
			ts.Fatalf("%s was not ready in time\n%s", name, ts.ReadFile(name+".log"))
		}
	}
}

// end sends a signal and waits.
func (s *process) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // it may be gone
	<-s.ended
}

func find(ts *testscript.TestScript, args []string) *process {
	if len(args) != 1 {
		ts.Fatalf("usage: crash|end NAME")
	}
	serversMu.Lock()
	defer serversMu.Unlock()
	s := servers[ts.Name()+"/"+args[0]]
	if s == nil {
		ts.Fatalf("no server %q", args[0])
	}
	return s
}

// crash is kill -9; $KILLED is then when.
func crash(ts *testscript.TestScript, _ bool, args []string) {
	s := find(ts, args)
	ts.Setenv("KILLED", time.Now().Format(time.RFC3339Nano))
	s.end(syscall.SIGKILL)
}

// stop asks the server to end and wants it to end well: `end NAME`. (In scripts "stop" is testscript's own: it ends the script.)
func stop(ts *testscript.TestScript, _ bool, args []string) {
	s := find(ts, args)
	s.end(syscall.SIGTERM)
	if s.err != nil {
		ts.Fatalf("%s ended with %v\n%s", args[0], s.err, ts.ReadFile(args[0]+".log"))
	}
}

// learn VARIABLE FILE WORD sets a variable to the word after WORD in the file.
func learn(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: learn VARIABLE FILE WORD")
	}
	words := strings.Fields(ts.ReadFile(args[1]))
	i := slices.Index(words, args[2])
	if i < 0 || i+1 >= len(words) {
		ts.Fatalf("%s has no word after %q", args[1], args[2])
	}
	ts.Setenv(args[0], words[i+1])
}

// await FILE N waits until a file has N lines.
func await(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await FILE N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(startTime)
	for {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && bytes.Count(b, []byte("\n")) >= want {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			ts.Fatalf("%s has %d lines, want %d", args[0], bytes.Count(b, []byte("\n")), want)
		}
	}
}

// clean FILE SECRET… wants that none of the secrets stands in the file; ! clean wants all of them there.
func clean(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: clean FILE SECRET…")
	}
	text := ts.ReadFile(args[0])
	found := slices.DeleteFunc(slices.Clone(args[1:]), func(secret string) bool { return !strings.Contains(text, secret) })
	if len(text) == 0 {
		ts.Fatalf("%s is empty: nothing was looked at", args[0])
	}
	if len(found) > 0 && !neg {
		ts.Fatalf("%s holds %q", args[0], found)
	}
	if neg && len(found) != len(args)-1 {
		ts.Fatalf("the search found %q only, although all of %q stand in %s", found, args[1:], args[0])
	}
}

// certificate CERT KEY makes a self-signed certificate for localhost.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	ts.Check(selfSigned(ts.MkAbs(args[0]), ts.MkAbs(args[1])))
}

// fail ends a program of a script.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsageOfTest = errors.New("wrong arguments; see script_test.go")
