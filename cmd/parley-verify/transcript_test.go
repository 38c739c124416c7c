package main

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/chat/sealer/sealertest"
	"parley/internal/chain"
	"parley/signal/wire"
)

// conversation is a transcript as the platform takes it along, with what a member and a witness kept.
type conversation struct{ dir, zip, key, head, trees string }

func converse(t *testing.T) conversation {
	t.Helper()
	log, tmp := &sealertest.Memory{Store: &chattest.Memory{}}, t.TempDir()
	n := chattest.Start(t, log, &chattest.Hub{}, chat.Config{})
	s := sealer.New(log, n.Vault, sealer.Config{})
	id := n.NewConversation()
	var kept wire.ChatReceipt
	for range 3 {
		n.MustSend(chattest.Ann, chattest.Text(t, id, "您好"))
		_, err := s.Sealed(t.Context(), id)
		must(t, err)
		kept, err = s.Receipts(n).Receipt(t.Context(), chattest.Rob, wire.ChatReceiptGet{Conversation: string(id)})
		must(t, err)
	}
	c := conversation{dir: filepath.Join(tmp, "bundle"), zip: filepath.Join(tmp, "bundle.zip"), key: filepath.Join(tmp, "key.pub"),
		head: filepath.Join(tmp, "receipt.json"), trees: filepath.Join(tmp, "witness.jsonl")}
	var z bytes.Buffer
	must(t, s.Export(t.Context(), id, &z))
	must(t, os.WriteFile(c.zip, z.Bytes(), 0o600))
	r, err := zip.NewReader(bytes.NewReader(z.Bytes()), int64(z.Len()))
	must(t, err)
	must(t, os.CopyFS(c.dir, r))
	pub, err := n.Vault.PublicKey(t.Context())
	must(t, err)
	must(t, os.WriteFile(c.key, []byte(hex.EncodeToString(pub)), 0o600))
	receipt, err := json.Marshal(kept)
	must(t, err)
	must(t, os.WriteFile(c.head, receipt, 0o600))
	trees, err := s.Trees(t.Context(), 0, sealer.MaxTrees)
	must(t, err)
	var lines []byte
	for _, tree := range trees {
		line, err := tree.Encode()
		must(t, err)
		lines = append(append(lines, line...), '\n')
	}
	must(t, os.WriteFile(c.trees, lines, 0o600))
	return c
}

func TestTranscriptsAndTreesAreToldApartFromRecordings(t *testing.T) {
	c := converse(t)
	entries := filepath.Join(c.dir, chain.EntriesFile)
	other := strings.Repeat("ab", 32)
	for _, step := range []struct {
		name string
		do   func()
		args []string
		exit int
		says []string
	}{
		{"a zip with key and receipt", nil, []string{"--key", c.key, "--head", c.head, c.zip}, intact,
			[]string{"INTACT", "transcript ", "member     u-ann as candidate", "entries    4,", "seal 3 in tree 3", "key        checked", "1 head(s)"}},
		{"a folder with a former key beside", nil, []string{"--key", other, "--key", c.key, c.dir}, intact, []string{"INTACT", "self-attested"}},
		{"without a key", nil, []string{c.dir}, intact, []string{"NOT CHECKED"}},
		{"as JSON", nil, []string{"--json", "--key", c.key, c.dir}, intact, []string{`"intact": true`, `"self_attested": true`, `"seals": 3`}},
		{"with another key", nil, []string{"--key", other, c.dir}, tampered, []string{"tree.json", "wrong key"}},
		{"a witness's list", nil, []string{"--key", c.key, "--head", c.head, c.trees}, intact, []string{"INTACT", "trees      1 to 3", "1 head(s)"}},
		{"after one flipped byte", func() { flip(t, entries, 300) }, []string{"--key", c.key, c.dir}, tampered, []string{"TAMPERED", "transcript.jsonl: bytes ", "altered"}},
		{"as JSON after it", nil, []string{"--json", c.dir}, tampered, []string{`"intact": false`, `"file": "transcript.jsonl"`}},
		{"after a flipped byte of the tree too", func() { flip(t, filepath.Join(c.dir, chain.TreeFile), 0) }, []string{"--head", c.head, c.dir}, tampered,
			[]string{"tree.json: bytes 0-", "  receipt: wrong key", "head       not reached, seal 3\n"}},
		{"without its entries", func() { must(t, os.Remove(entries)) }, []string{c.dir}, tampered, []string{"transcript.jsonl", "removed"}},
		{"a tree was left out", func() { cutLine(t, c.trees, 1) }, []string{"--key", c.key, c.trees}, tampered, []string{"trees.jsonl", "removed"}},
		{"a receipt of a recording", func() { must(t, os.WriteFile(c.head, []byte(`{"heads":[]}`), 0o600)) }, []string{"--head", c.head, c.zip}, unreadable, nil},
	} {
		if step.do != nil {
			step.do()
		}
		var out, complaints bytes.Buffer
		if exit := run(step.args, &out, &complaints); exit != step.exit || exit == unreadable && complaints.Len() == 0 {
			t.Errorf("%s: exit %d, want %d\n%s%s", step.name, exit, step.exit, out.String(), complaints.String())
		}
		for _, s := range step.says {
			if !strings.Contains(out.String(), s) {
				t.Errorf("%s: does not say %q:\n%s", step.name, s, out.String())
			}
		}
	}
}

func cutLine(t *testing.T, path string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	lines := bytes.SplitAfter(b, []byte("\n"))
	must(t, os.WriteFile(path, bytes.Join(append(lines[:n:n], lines[n+1:]...), nil), 0o600))
}
