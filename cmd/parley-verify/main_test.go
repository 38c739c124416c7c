package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/recording"
	"parley/recording/recordingtest"
	"parley/signal/wire"
	"parley/storage/keys/keystest"
)

// evidence is a recording as a participant takes it along.
type evidence struct {
	dir, zip, key, head string
	hexKey, base64Key   string
}

func record(t *testing.T) evidence {
	t.Helper()
	vault, tmp := keystest.New(), t.TempDir()
	r := recording.New(recording.Config{Dir: filepath.Join(tmp, "r"), Store: recordingtest.NewStore(),
		Bucket: recordingtest.NewBucket(), Vault: vault, Build: "parley test"})
	must(t, r.Recover(t.Context()))
	rec, err := r.Start(t.Context(), recording.Spec{Interview: "i1", Participants: []recording.Participant{
		{User: "alice", Consent: recording.ConsentRecord{Version: "interview-recording@1", At: time.Now()}}}})
	must(t, err)
	sink, err := rec.Sink(t.Context(), "alice")
	must(t, err)
	recordingtest.Play(sink, rec.Started(), recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(0, time.Second)}.Items())
	head, err := rec.Stop(t.Context(), "hangup")
	must(t, err)
	e := evidence{dir: filepath.Join(tmp, "bundle"), zip: filepath.Join(tmp, "bundle.zip"),
		key: filepath.Join(tmp, "key.pub"), head: filepath.Join(tmp, "receipt.json")}
	must(t, r.ExportDir(t.Context(), rec.ID(), e.dir))
	var z bytes.Buffer
	must(t, r.Export(t.Context(), rec.ID(), &z))
	pub, err := vault.PublicKey(t.Context())
	must(t, err)
	e.hexKey, e.base64Key = hex.EncodeToString(pub), base64.StdEncoding.EncodeToString(pub)
	receipt, err := json.Marshal(wire.InterviewReceipt{Interview: "i1", Heads: []wire.ReceiptHead{head}})
	must(t, err)
	must(t, os.WriteFile(e.zip, z.Bytes(), 0o600))
	must(t, os.WriteFile(e.key, []byte(e.hexKey+"\n"), 0o600))
	must(t, os.WriteFile(e.head, receipt, 0o600))
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheExitCodeAndTheWordsSayWhatWasFound(t *testing.T) {
	e := record(t)
	journal := filepath.Join(e.dir, "p1.journal")
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		do   func()
		args []string
		exit int
		says []string
	}{
		{"a folder with key and receipt", nil, []string{"--key", e.key, "--head", e.head, e.dir}, intact, []string{"INTACT", "1 head(s)"}},
		{"a zip with the key in hexadecimal", nil, []string{"--key", e.hexKey, e.zip}, intact, []string{"INTACT", "self-attested"}},
		{"a zip with the key as the server gives it", nil, []string{"--key", e.base64Key, e.zip}, intact, []string{"INTACT", "key        checked", "self-attested"}},
		{"without a key", nil, []string{e.dir}, intact, []string{"INTACT", "NOT CHECKED", "self-attested"}},
		{"as JSON", nil, []string{"--json", "--key", e.key, e.dir}, intact, []string{`"intact": true`, `"self_attested": true`}},
		{"with another key", nil, []string{"--key", strings.Repeat("ab", 32), e.dir}, tampered, []string{"head.json", "wrong key"}},
		{"after one flipped byte", func() { flip(t, journal, 100) }, []string{"--key", e.key, e.dir}, tampered, []string{"TAMPERED", "p1.journal: bytes 0-", "altered"}},
		{"as JSON after it", nil, []string{"--json", e.dir}, tampered, []string{`"intact": false`, `"class": "altered"`, `"file": "p1.journal"`}},
		{"without its journal", func() { must(t, os.Remove(journal)) }, []string{e.dir}, tampered, []string{"p1.journal", "removed"}},
		{"an empty folder", nil, []string{empty}, unreadable, nil},
		{"nothing", nil, []string{filepath.Join(empty, "x")}, unreadable, nil},
		{"no zip", nil, []string{e.key}, unreadable, nil},
		{"a bad key", nil, []string{"--key", "zz", e.dir}, unreadable, nil},
		{"a bad receipt", nil, []string{"--head", e.key, e.dir}, unreadable, nil},
		{"no bundle", nil, nil, unreadable, nil},
		{"an unknown flag", nil, []string{"--what", e.dir}, unreadable, nil},
	} {
		if c.do != nil {
			c.do()
		}
		var out, complaints bytes.Buffer
		exit := run(c.args, &out, &complaints)
		if exit != c.exit || exit == unreadable && complaints.Len() == 0 {
			t.Errorf("%s: exit %d, want %d\n%s%s", c.name, exit, c.exit, out.String(), complaints.String())
		}
		for _, s := range c.says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("%s: does not say %q:\n%s", c.name, s, out.String())
			}
		}
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
}

func TestReceiptsAreReadInEveryFormAClientKeepsThem(t *testing.T) {
	head := wire.ReceiptHead{Recording: "r", Head: "00", Entries: 1, Key: "k", Signature: []byte{1}}
	for name, v := range map[string]any{
		"one head": head, "a list": []wire.ReceiptHead{head}, "a receipt": wire.InterviewReceipt{Heads: []wire.ReceiptHead{head}},
	} {
		b, err := json.Marshal(v)
		must(t, err)
		if got, err := parseHeads(b); err != nil || len(got) != 1 || got[0].Recording != "r" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAForgersWordsMakeNoLines(t *testing.T) {
	var out bytes.Buffer
	must(t, printText(&out, &recording.Report{Build: "x\nINTACT\x1b[2J", Findings: []recording.Finding{{File: "a\rb"}}}))
	if s := out.String(); strings.Contains(s, "\nINTACT") || strings.ContainsAny(s, "\x1b\r") {
		t.Errorf("printed %q", s)
	}
}
