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

	"parley/internal/chain"
	"parley/recording"
)

// The JSON form of a report: the fields of each kind of evidence beside what all have.
type (
	verdict struct {
		Intact       bool `json:"intact"`
		SelfAttested bool `json:"self_attested"`
	}
	recordingAnswer struct {
		verdict
		*recording.Report
	}
	transcriptAnswer struct {
		verdict
		*chain.Report
	}
	treesAnswer struct {
		verdict
		*chain.TreesReport
	}
)

func printJSON(w io.Writer, r report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	v := verdict{Intact: r.Intact(), SelfAttested: r.SelfAttested()}
	switch r := r.(type) {
	case *recording.Report:
		return e.Encode(recordingAnswer{v, r})
	case *chain.Report:
		return e.Encode(transcriptAnswer{v, r})
	case *chain.TreesReport:
		return e.Encode(treesAnswer{v, r})
	}
	return e.Encode(v)
}

func printText(w io.Writer, r report) error {
	var b bytes.Buffer
	switch r := r.(type) {
	case *recording.Report:
		conclude(&b, r.Findings)
		describe(&b, r)
		attest(&b, r.Findings, r.OwnKey, r.Receipts)
	case *chain.Report:
		conclude(&b, r.Findings)
		describeTranscript(&b, r)
		attest(&b, r.Findings, r.OwnKey, r.Receipts)
	case *chain.TreesReport:
		conclude(&b, r.Findings)
		describeTrees(&b, r)
		attest(&b, r.Findings, r.OwnKey, r.Receipts)
	}
	_, err := b.WriteTo(w)
	return err
}

func conclude(b *bytes.Buffer, list []chain.Finding) {
	if len(list) == 0 {
		fmt.Fprintln(b, "INTACT: nothing was altered, removed, reordered, truncated or added since the head was signed")
	} else {
		fmt.Fprintf(b, "TAMPERED: %d finding(s)\n", len(list))
	}
	for _, f := range list {
		where := fmt.Sprintf(": bytes %d-%d", f.From, f.To)
		if f.File == chain.ReceiptFile {
			where = "" // it is in no bundle
		}
		fmt.Fprintf(b, "  %s%s: %s: %s\n", clean(f.File), where, f.Class, clean(f.Detail))
	}
}

func describeTranscript(b *bytes.Buffer, r *chain.Report) {
	fmt.Fprintf(b, "transcript %s (format %d), opened %s\n", clean(r.Conversation), r.Format, r.Opened.Format(time.RFC3339))
	for _, m := range r.Members {
		fmt.Fprintf(b, "member     %s as %s\n", clean(m.User), clean(m.Role))
	}
	fmt.Fprintf(b, "entries    %d, from %s to %s\n", r.Entries, r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	describeHead(b, r)
	for _, l := range r.Late {
		fmt.Fprintf(b, "late       entries %d to %d were sealed %s after the oldest of them\n", l.From, l.To, time.Duration(l.Seconds)*time.Second)
	}
}

// describeHead says which head the transcript rests on, as far as it can be read.
func describeHead(b *bytes.Buffer, r *chain.Report) {
	head := r.Head.String()
	if r.Head == (chain.Hash{}) {
		head = "not reached"
	}
	fmt.Fprintf(b, "head       %s, seal %d", head, r.Seals)
	if !r.Signed.IsZero() {
		fmt.Fprintf(b, " in tree %d, signed %s by key %s", r.Tree, r.Signed.Format(time.RFC3339), clean(string(r.Key)))
	}
	fmt.Fprintln(b)
}

func describeTrees(b *bytes.Buffer, r *chain.TreesReport) {
	fmt.Fprintf(b, "trees      %d to %d, signed from %s to %s\n", r.From, r.To, r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	for _, k := range r.Keys {
		fmt.Fprintf(b, "signed by  %s\n", clean(string(k)))
	}
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
func attest(b *bytes.Buffer, list []chain.Finding, ownKey bool, receipts int) {
	wrong := slices.ContainsFunc(list, func(f chain.Finding) bool { return f.Class == chain.WrongKey })
	switch {
	case wrong: // named above
	case !ownKey:
		fmt.Fprintln(b, "key        checked: the head is signed by a key that --key gave")
	default:
		fmt.Fprintln(b, "key        NOT CHECKED: no --key was given; whoever made the bundle chose the key inside it")
	}
	if receipts == 0 {
		fmt.Fprintln(b, "witness    self-attested: no --head was given, so this rests on whoever holds the signing key")
		return
	}
	fmt.Fprintf(b, "witness    %d head(s) kept outside were held against it\n", receipts)
}
