// Command parley-verify checks a recording's bundle from its bytes and a public key alone: no network, no database, no
// data key.
//
//	parley-verify [--key FILE|KEY] [--head receipt.json] [--json] DIR|bundle.zip
//
// It exits with 0 when the recording is what was signed, with 1 when it is not (and says where), and with 2 when there
// is nothing that it can read.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes.
const (
	intact     = 0
	tampered   = 1
	unreadable = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the command line.
type options struct {
	key, head, bundle string
	json              bool
}

var errUsage = errors.New("give exactly one bundle: a folder or a .zip")

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("parley-verify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.key, "key", "", "public key that must have signed, as GET /v1/keys gives it (base64), in hexadecimal, or a file with it or with PEM; without it the bundle's own key is taken")
	fs.StringVar(&o.head, "head", "", "receipt that a participant kept: a file with one head, a list of heads, or an interview.receipt")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.Usage = func() {
		fmt.Fprintln(stderr, "usage: parley-verify [--key FILE|KEY] [--head receipt.json] [--json] DIR|bundle.zip")
		fs.PrintDefaults()
		fmt.Fprintln(stderr, "exits with 0: intact, 1: tampered with (and says where), 2: not readable")
	}
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() != 1 {
		return o, errUsage
	}
	o.bundle = fs.Arg(0)
	return o, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return intact
	}
	if err != nil {
		fmt.Fprintln(stderr, "parley-verify:", err)
		return unreadable
	}
	report, err := verify(o)
	if err != nil {
		fmt.Fprintln(stderr, "parley-verify:", err)
		return unreadable
	}
	print := printText
	if o.json {
		print = printJSON
	}
	if err := print(stdout, report); err != nil {
		fmt.Fprintln(stderr, "parley-verify:", err)
		return unreadable
	}
	if !report.Intact() {
		return tampered
	}
	return intact
}
