package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/chat/moderation"
	"parley/chat/moderation/moderationtest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/testenv/bubble"
	"parley/storage/keys/keystest"
)

const secret = "0123456789abcdef0123456789abcdef"

func TestARulesFileIsRefusedWithTheLineThatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, text, line string }{
		{"T6 made weaker", "contact:\n  to:\n    headhunter: confirm\n", "line 3"},
		{"T6 made weaker for who sends", "contact:\n  from: {headhunter: allow}\n", "line 2"},
		{"no action", "contact:\n  to:\n    candidate: hide\n", "line 3"},
		{"no role", "contact:\n  to: {support: mask}\n", "line 2"},
		{"no kind", "contact:\n  kinds:\n    fax: mask\n", "line 3"},
		{"no host", "contact:\n  trusted_hosts:\n  - https://x.example/\n", "line 3"},
		{"unknown key", "contact: {}\nlist: []\n", "line 2"},
		{"a list without a name", "lists:\n- action: refuse\n  words: [x1]\n", "line 2"},
		{"a list's name", "lists:\n- name: Bad Name\n  action: refuse\n  words: [x1]\n", "line 2"},
		{"two of a name", "lists:\n- {name: a, action: mask, words: [x1]}\n- {name: a, action: mask, words: [x2]}\n", "line 3"},
		{"neither action nor to", "lists:\n- name: a\n  words: [x1]\n", "line 2"},
		{"both action and to", "lists:\n- name: a\n  action: mask\n  to: {candidate: mask}\n  words: [x1]\n", "line 2"},
		{"an empty list", "lists:\n- name: a\n  action: mask\n", "line 2"},
		{"a short word", "lists:\n- name: a\n  action: mask\n  words:\n  - ok\n  - x\n", "line 6"},
		{"a word of marks", "lists:\n- name: a\n  action: mask\n  words: ['—— ——']\n", "line 4"},
		{"a bad pattern", "lists:\n- name: a\n  action: mask\n  patterns: ['(']\n", "line 4"},
		{"a pattern of nothing", "lists:\n- name: a\n  action: mask\n  patterns: ['x*']\n", "line 4"},
		{"no file of words", "lists:\n- name: a\n  action: mask\n  files: [none.txt]\n", "line 4"},
		{"half a text", "lists:\n- name: a\n  action: mask\n  words: [xx]\n  text: {en: hi}\n", "line 2"},
		{"plain HTTP", "veto:\n  url: http://mod.example/x\n  secret: " + secret + "\n  on_timeout: allow\n", "line 2"},
		{"a short secret", "veto:\n  url: https://mod.example/x\n  secret: hunter2\n  on_timeout: allow\n", "line 3"},
		{"outside the region", "veto:\n  url: https://elsewhere.example/x\n  secret: " + secret + "\n  on_timeout: allow\n", "line 2"},
		{"no answer for a timeout", "veto:\n  url: https://mod.example/x\n  secret: " + secret + "\n", "line 2"},
		{"a long timeout", "veto:\n  url: https://mod.example/x\n  secret: " + secret + "\n  on_timeout: refuse\n  timeout: 1m\n", "line 5"},
		{"an unknown type", "veto:\n  url: https://mod.example/x\n  secret: " + secret + "\n  on_timeout: refuse\n  types: [system]\n", "line 5"},
		{"not YAML", "contact: [\n", "line "},
		{"a list for a word", "lists:\n- name: a\n  action: mask\n  words: [[x1]]\n", "line 4"},
		{"the end before the end", "contact: {}\n---\nlists: []\n", "behind the end"},
	} {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		write(t, path, c.text)
		err := moderation.Check(path, moderation.Where{Region: "cn", Recipients: []string{"mod.example"}})
		if err == nil || !strings.Contains(err.Error(), c.line) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q in it and no secret", c.name, err, c.line)
		}
	}
}

func TestAFaultSaysInTheWordsOfThePageHowToMendIt(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "words.txt"), "fine words\n\n—\n")
	for _, c := range []struct{ text, says string }{
		{"contact:\n  kind: {link: allow}\n", "line 2: there is no setting kind here"},
		{"lists:\n- name: a\n  action: mask\n  words: hunter2\n", "line 4: a list is expected here: [one, another]"},
		{"contact: hunter2\n", "line 1: settings are expected here: {name: value}"},
		{"- hunter2\n", "line 1: settings are expected here: {name: value}"},
		{"contact: [hunter2]\nlists: hunter2\n", "{name: value}; line 2: a list is expected here"},
		{"veto: {}\n", "rules.yaml: veto: webhook: no URL of the form https://host/path"},
		{"lists:\n- {name: a, action: mask, patterns: ['(hunter2']}\n", "line 2: pattern: no regular expression of RE2: missing closing )"},
		{"lists:\n- {name: a, action: mask, patterns: ['x*']}\n", "line 2: pattern: it is found in an empty text, so it would be in any"},
		{"lists:\n- {name: a, action: mask, files: [none.txt]}\n", "line 2: file of words none.txt: it can't be read: no such file"},
		{"lists:\n- {name: a, action: mask, files: [words.txt]}\n", "line 2: file of words words.txt: line 3: a word needs"},
	} {
		path := filepath.Join(dir, "rules.yaml")
		write(t, path, c.text)
		err := moderation.Check(path, moderation.Where{})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q in it", c.text, err, c.says)
		}
		for _, hidden := range []string{"hunter2", "moderation.", "unmarshal", dir} {
			if err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("%q: %q is in %v", c.text, hidden, err)
			}
		}
	}
}

func TestTheExampleOfThePageIsAccepted(t *testing.T) {
	page, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yaml"), example)
	write(t, filepath.Join(dir, "abuse.txt"), "# one a line\n笨蛋\n")
	if err := moderation.Check(filepath.Join(dir, "rules.yaml"), moderation.Where{}); err != nil || !ok {
		t.Error(err)
	}
	for _, word := range []string{"allow", "confirm", "mask", "refuse", "phone", "messenger", "mail", "link", fmt.Sprint(moderation.MaxPatterns), "20,000", "256 KiB"} {
		if !strings.Contains(string(page), word) {
			t.Errorf("the page does not tell of %q", word)
		}
	}
}

func TestTooManyWordsAreRefused(t *testing.T) {
	dir := t.TempDir()
	var words strings.Builder
	for i := range moderation.MaxWords + 1 {
		fmt.Fprintf(&words, "w%d\n", i)
	}
	write(t, filepath.Join(dir, "words.txt"), words.String())
	write(t, filepath.Join(dir, "rules.yaml"), "lists:\n- {name: a, action: mask, files: [words.txt]}\n")
	if err := moderation.Check(filepath.Join(dir, "rules.yaml"), moderation.Where{}); err == nil {
		t.Error("accepted")
	}
}

// watched is a service that watches a rules file within a bubble.
type watched struct {
	*moderation.Service
	dir string
	log bytes.Buffer
	reg *prometheus.Registry
}

func watch(t *testing.T, text string) *watched {
	t.Helper()
	w := &watched{dir: t.TempDir(), reg: prometheus.NewRegistry()}
	w.put(t, text)
	r, err := moderation.Load(filepath.Join(w.dir, "rules.yaml"), moderation.Where{})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = moderation.New(moderation.Config{
		Store: &moderationtest.Memory{}, Vault: keystest.New(), Rules: r, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Metrics: w.reg,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) put(t *testing.T, text string) {
	t.Helper()
	write(t, filepath.Join(w.dir, "rules.yaml"), text)
}

// passes says whether the text is let through after the files were looked at again.
func (w *watched) passes(t *testing.T, text string) bool {
	t.Helper()
	bubble.Pass(2 * time.Second)
	_, err := w.Admit(t.Context(), chat.Attempt{
		By: ann, Type: chat.TypeText, Content: []byte(`{"text":"` + text + `"}`), Others: []chat.Party{{Role: identity.Recruiter}},
	})
	if err != nil && !errors.Is(err, policy.ErrContent) {
		t.Error(err)
	}
	return err == nil
}

func (w *watched) faulty(t *testing.T) float64 {
	t.Helper()
	all, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "parley_moderation_rules_faulty" {
			return f.Metric[0].Gauge.GetValue()
		}
	}
	t.Fatal("no such metric")
	return 0
}

func TestChangedRulesAreTakenAndBadOnesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, "lists: [{name: a, action: refuse, words: [甲乙]}]\n")
		if w.passes(t, "甲乙") || !w.passes(t, "丙丁") {
			t.Error("the first rules are not in force")
		}
		w.put(t, "lists: [{name: a, action: refuse, words: [丙丁]}]\n")
		if !w.passes(t, "甲乙") || w.passes(t, "丙丁") {
			t.Error("changed rules were not taken")
		}
		w.put(t, "lists: [{name: a, action: refuse, words: [甲乙]}\n")
		if !w.passes(t, "甲乙") || w.passes(t, "丙丁") {
			t.Error("a bad file changed the rules")
		}
		if st := w.Standing(); st.Fault == nil || !strings.Contains(st.Fault.Err.Error(), "line") || w.faulty(t) != 1 {
			t.Errorf("standing %+v", st)
		}
		if n := strings.Count(w.log.String(), "level=ERROR"); n != 1 || strings.Contains(w.log.String(), "甲乙") {
			t.Errorf("logged %d times: %s", n, w.log.String())
		}
		w.put(t, "lists: [{name: b, action: refuse, files: [words.txt]}]\n")
		write(t, filepath.Join(w.dir, "words.txt"), "甲乙\n")
		if w.passes(t, "甲乙") || w.faulty(t) != 0 || w.Standing().Fault != nil {
			t.Error("a repaired file was not taken")
		}
		write(t, filepath.Join(w.dir, "words.txt"), "戊己\n")
		if !w.passes(t, "甲乙") || w.passes(t, "戊己") {
			t.Error("a changed file of words was not taken")
		}
		if st := w.Standing(); !st.File || len(st.Lists) != 1 || st.Lists[0].Words != 1 || st.Lists[0].To["candidate"] != "refuse" {
			t.Errorf("standing %+v", st)
		}
		if err := os.Remove(filepath.Join(w.dir, "rules.yaml")); err != nil {
			t.Fatal(err)
		}
		if w.passes(t, "戊己") || w.faulty(t) != 1 {
			t.Error("a file that is gone changed the rules")
		}
	})
}
