// Command report reads what `go test -json` writes and prints what a person needs: a line a package, all output of
// what failed, and every skipped test with its reason. It exits 1 when something failed, or, with CI=true, when
// something was skipped or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of test2json (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
	Elapsed    float64
}

type report struct {
	out    io.Writer
	output map[string][]string // by package and test, until it passes
	passed int
	failed []string
	skips  []string
}

func main() {
	r := &report{out: os.Stdout, output: make(map[string][]string)}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	os.Exit(r.summary(os.Getenv("CI") == "true"))
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test output: %w", err)
		}
	}
}

// line takes one line; what is no event (go's own messages) is passed on.
func (r *report) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(r.out, line)
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.failed = append(r.failed, e.ImportPath+" (build)")
	case "pass", "fail", "skip":
		r.ended(e, key)
	}
}

func (r *report) ended(e event, key string) {
	text := strings.Join(r.output[key], "")
	delete(r.output, key)
	switch {
	case e.Action == "fail":
		r.failed = append(r.failed, key)
		fmt.Fprint(r.out, text)
	case e.Action == "skip" && e.Test != "":
		r.skips = append(r.skips, key+"\n"+text)
	case e.Test != "":
		r.passed++
	}
	if e.Test == "" {
		fmt.Fprintf(r.out, "%-5s %s (%.1fs)\n", e.Action, e.Package, e.Elapsed)
	}
}

// summary prints the end and returns the exit code.
func (r *report) summary(strict bool) int {
	for _, s := range r.skips {
		fmt.Fprintf(r.out, "SKIPPED %s", s)
	}
	for _, f := range r.failed {
		fmt.Fprintf(r.out, "FAILED %s\n", f)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skips))
	if len(r.failed) > 0 || strict && (len(r.skips) > 0 || r.passed == 0) {
		return 1
	}
	return 0
}
