// Command parley-verify checks evidence from its bytes and public keys alone, with no network, no database, no data key: the bundle of a
// recording, that of a conversation's transcript, or a list of signed trees.
//
//	parley-verify [--key FILE|KEY]… [--head receipt.json] [--json] DIR|bundle.zip|trees.jsonl
//
// It exits with 0 when the evidence is what was signed, with 1 when it is not (and says where), and with 2 when there
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
	keys         []string
	head, bundle string
	json         bool
}

var errUsage = errors.New("give exactly one bundle: a folder, a .zip or a .jsonl")

func parse(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("parley-verify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Func("key", "public key that must have signed, as GET /v1/keys gives it (base64), in hexadecimal, or a file with it or with PEM; may be given for each key there was; without it the bundle's own key is taken", func(s string) error {
		o.keys = append(o.keys, s)
		return nil
	})
	fs.StringVar(&o.head, "head", "", "what a participant kept: a file with one receipt, a list of them, or the body of an interview.receipt or a chat.receipt")
	fs.BoolVar(&o.json, "json", false, "print the report as JSON")
	fs.Usage = func() {
		fmt.Fprintln(stderr, "usage: parley-verify [--key FILE|KEY]… [--head receipt.json] [--json] DIR|bundle.zip|trees.jsonl")
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
