package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

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
		fmt.Fprintf(&b, "TAMPERED: %d findings\n", len(r.Findings))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %s: bytes %d-%d: %s: %s\n", f.File, f.From, f.To, f.Class, f.Detail)
	}
	describe(&b, r)
	attest(&b, r)
	_, err := b.WriteTo(w)
	return err
}

func describe(b *bytes.Buffer, r *recording.Report) {
	fmt.Fprintf(b, "recording  %s (format %d, by %s)\n", r.Recording, r.Format, r.Build)
	fmt.Fprintf(b, "started    %s, lasted %s, ended: %s\n", r.Started.Format(time.RFC3339), r.Length, r.Reason)
	fmt.Fprintf(b, "head       %s of %d entries, signed %s by key %s\n", r.Head, r.Entries, r.Signed.Format(time.RFC3339), r.Key)
	for _, j := range r.Journals {
		end := "closed in order"
		if !j.Final {
			end = "not closed: cut after a crash or a full disk"
		}
		fmt.Fprintf(b, "journal    %s: %d bytes in %d segments, %s\n", j.Participant, j.Size, j.Segments, end)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(b, "gap        %s: %d-%d ms: %s\n", g.Participant, g.FromMS, g.ToMS, g.Reason)
	}
}

// attest says whose word the result rests on (E6).
func attest(b *bytes.Buffer, r *recording.Report) {
	if r.OwnKey {
		fmt.Fprintln(b, "key        NOT CHECKED: no --key was given, so the key inside the bundle was used; whoever made the bundle chose it")
	}
	if r.SelfAttested() {
		fmt.Fprintln(b, "witness    self-attested: no --head was given, so this rests on whoever holds the signing key")
		return
	}
	fmt.Fprintf(b, "witness    %d head(s) kept outside were held against it\n", r.Receipts)
}
