package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// floors says on which floor a package stands; the longest matching path decides. Imports go strictly downward; a
// subfolder may import its parent.
var floors = map[string]int{
	"signal/wire": 0, "signal/media": 0,
	"internal/identity": 0, "internal/policy": 0, "internal/chain": 0,
	"deploy/s3": 0, // embedded files only

	"signal/sfu": 1, "signal/turn": 1, "signal/client": 1,
	"storage/object": 1, "storage/bus": 1, "storage/keys": 1,
	"internal/audit": 1, "internal/outbox": 1, "internal/limit": 1, "internal/cluster": 1,

	"chat": 2, "recording": 2, "virtualnumber": 2, "internal/privacy": 2, "internal/notice": 2,

	"signal/interview": 3, "signal/live": 3,

	"storage/db": 4, "internal/admin": 4, "signal/gateway": 4, "signal/whip": 4, "web": 4,
	"virtualnumber/b2bua": 4, "virtualnumber/fake": 4,

	"internal/server": 5,

	"cmd": 6, "internal/testenv": 6,
}

// exceptions are the imports "importer imported" that the floors forbid and that are right all the same.
var exceptions = map[string]string{
	"chat/attach chat/attach/strip":             "pure parsers of hostile files, fuzzed alone",
	"cmd/parley-load internal/testenv/engines":  "it starts a PostgreSQL of its own to measure against",
	"internal/identity internal/policy":         "tokens are refused in the words of policy; policy imports nothing of ours",
	"internal/testenv internal/testenv/testlog": "a buffer that knows nothing of ours, for the tests of every package",
	"storage/keys/file storage/keys/wrap":       "both vaults wrap keys alike, in code that knows no disk and no database",
	"storage/keys/sql storage/keys/wrap":        "as above",
	"storage/keys/file storage/keys/root":       "it makes its root key's file at the first start",
	"signal/sfu signal/sfu/udp":                 "the socket is a part of the SFU that knows nothing of rooms and is tested alone",
	"signal/sfu signal/sfu/seqmap":              "pure arithmetic of the SFU, tested alone",
	"signal/sfu signal/sfu/rtpcache":            "the packet cache of the SFU, tested alone",
}

// vocabulary is what floor 0 may import from outside the standard library.
var vocabulary = []string{
	"github.com/pion/rtp", "github.com/pion/rtcp", "github.com/golang-jwt/jwt/v5", "github.com/MicahParks/keyfunc/v3",
	"golang.org/x/mod", "golang.org/x/time/rate",
}

// vocabularyExceptions are further ones, each "importer imported".
var vocabularyExceptions = map[string]string{}

// module is this module's import path.
const module = "parley"

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoDownwardOnly(t *testing.T) {
	for _, p := range packages(t) {
		from := local(p.ImportPath)
		for _, imported := range p.Imports {
			if why := wrongImport(from, imported); why != "" {
				t.Errorf("%s imports %s: %s", from, imported, why)
			}
		}
	}
}

func TestFloorsRefuseWhatTheyShould(t *testing.T) {
	refused := map[string]bool{
		"chat parley/recording":                            true,  // sideways
		"recording parley/storage/db":                      true,  // upward
		"recording/mux parley/recording":                   false, // its parent
		"recording parley/recording/mux":                   true,  // a parent its child
		"signal/wire github.com/coder/websocket":           true,  // vocabulary stays small
		"signal/media github.com/pion/rtp":                 false,
		"signal/wire parley/internal/policy":               true, // sideways on floor 0
		"cmd/parley-verify parley/storage/db":              true,
		"cmd/parley-verify parley/recording":               false,
		"internal/server parley/internal/testenv":          true,
		"storage/db parley/chat":                           false,
		"nowhere parley/chat":                              true, // a folder without a floor
		"internal/identity parley/internal/policy":         false,
		"storage/keys/file parley/storage/keys":            false,
		"storage/keys/file parley/storage/object":          true,
		"signal/sfu/udp github.com/pion/transport/v4/vnet": false,
	}
	for pair, want := range refused {
		from, imported, _ := strings.Cut(pair, " ")
		if got := wrongImport(from, imported) != ""; got != want {
			t.Errorf("%s refused = %v, want %v", pair, got, want)
		}
	}
}

// wrongImport says what is wrong with an import, or nothing.
func wrongImport(from, imported string) string {
	fromFloor, ok := floor(from)
	if !ok {
		return "the importer stands on no floor: add it to the table with its reason in DESIGN.md"
	}
	if !ours(imported) {
		return wrongOutside(from, fromFloor, imported)
	}
	to := local(imported)
	toFloor, ok := floor(to)
	switch {
	case !ok:
		return "the imported package stands on no floor"
	case exceptions[from+" "+to] != "" || below(from, to):
		return ""
	case strings.HasPrefix(from, "cmd/parley-verify") && toFloor > 1 && to != "recording":
		return "the verifier imports recording and floors 0 and 1 only"
	case toFloor >= fromFloor:
		return "not a lower floor"
	}
	return ""
}

func wrongOutside(from string, fromFloor int, imported string) string {
	if fromFloor > 0 || !strings.Contains(strings.Split(imported, "/")[0], ".") || vocabularyExceptions[from+" "+imported] != "" {
		return ""
	}
	for _, allowed := range vocabulary {
		if imported == allowed || strings.HasPrefix(imported, allowed+"/") {
			return ""
		}
	}
	return "floor 0 knows the standard library and a few modules only"
}

// below says that from is a subfolder of to.
func below(from, to string) bool { return strings.HasPrefix(from, to+"/") }

func floor(pkg string) (int, bool) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if f, ok := floors[p]; ok {
			return f, true
		}
	}
	return 0, false
}

func ours(imported string) bool    { return imported == module || strings.HasPrefix(imported, module+"/") }
func local(imported string) string { return strings.TrimPrefix(imported, module+"/") }

// TestTableHasNoDeadExceptions keeps the exceptions to those that are used.
func TestTableHasNoDeadExceptions(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			used[local(p.ImportPath)+" "+local(imported)] = true
		}
	}
	for _, table := range []map[string]string{exceptions, vocabularyExceptions} {
		for pair := range table {
			if !used[pair] {
				t.Errorf("exception %q is not needed any more", pair)
			}
		}
	}
}

func packages(t *testing.T) []listed {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = strings.TrimSpace(string(root))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(out); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read the list of packages: %v", err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("list packages: %v", err)
	}
	if !slices.ContainsFunc(all, func(p listed) bool { return p.ImportPath == module+"/cmd/parley" }) {
		t.Fatal("the list of packages lacks this one")
	}
	return all
}
