package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"parley/recording"
)

// answer is the JSON form of a report.
type answer struct {
	Intact       bool `json:"intact"`
	SelfAttested bool `json:"self_attested"`
	*recording.Report
}

func printJSON(w io.Writer, r *recording.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(answer{Intact: r.Intact(), SelfAttested: r.SelfAttested(), Report: r})
}

func printText(w io.Writer, r *recording.Report) error {
	var b bytes.Buffer
	if r.Intact() {
		fmt.Fprintln(&b, "INTACT: nothing was altered, removed, reordered, truncated or added since the head was signed")
	} else {
		fmt.Fprintf(&b, "TAMPERED: %d finding(s)\n", len(r.Findings))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s: bytes %d-%d: %s: %s\n", clean(f.File), f.From, f.To, f.Class, clean(f.Detail))
	}
	describe(&b, r)
	attest(&b, r)
	_, err := b.WriteTo(w)
	return err
}

func describe(b *bytes.Buffer, r *recording.Report) {
	fmt.Fprintf(b, "recording  %s (format %d, by %s)\n", clean(string(r.Recording)), r.Format, clean(r.Build))
	fmt.Fprintf(b, "started    %s, lasted %s, ended: %s\n", r.Started.Format(time.RFC3339), r.Length, clean(string(r.Reason)))
	if r.Reason == recording.Adopted {
		fmt.Fprintln(b, "adopted    its node was lost; another one sealed what had left it, and the gaps say from where on nothing had")
	}
	if r.Lost != nil {
		fmt.Fprintf(b, "lost       a head %s of %d entries had been signed before; what is beyond this was lost with that node\n",
			clean(r.Lost.Head), r.Lost.Entries)
	}
	fmt.Fprintf(b, "head       %s of %d entries, signed %s by key %s\n", clean(r.Head), r.Entries,
		r.Signed.Format(time.RFC3339), clean(string(r.Key)))
	for _, j := range r.Journals {
		end := "closed in order"
		if !j.Final {
			end = "not closed: cut after a crash, a full disk or the loss of its node"
		}
		fmt.Fprintf(b, "journal    %s: %d bytes in %d segments, %s\n", clean(string(j.Participant)), j.Size, j.Segments, end)
	}
	for _, j := range r.Late {
		fmt.Fprintf(b, "late       %s: %d bytes after byte %d, handed in and signed by the lost node when it was back\n",
			clean(string(j.Participant)), j.Length, j.Offset)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(b, "gap        %s: %d-%d ms: %s\n", clean(string(g.Participant)), g.FromMS, g.ToMS, clean(g.Reason))
	}
}

// clean keeps what a forger wrote from moving the cursor or making lines of its own.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// attest says whose word the result rests on (E6).
func attest(b *bytes.Buffer, r *recording.Report) {
	wrong := slices.ContainsFunc(r.Findings, func(f recording.Finding) bool { return f.Class == recording.WrongKey })
	switch {
	case wrong: // named above
	case !r.OwnKey:
		fmt.Fprintln(b, "key        checked: the head is signed by the key that --key gave")
	default:
		fmt.Fprintln(b, "key        NOT CHECKED: no --key was given, so the key inside the bundle was used; whoever made the bundle chose it")
	}
	if r.SelfAttested() {
		fmt.Fprintln(b, "witness    self-attested: no --head was given, so this rests on whoever holds the signing key")
		return
	}
	fmt.Fprintf(b, "witness    %d head(s) kept outside were held against it\n", r.Receipts)
}
