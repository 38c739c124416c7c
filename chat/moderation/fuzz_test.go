package moderation

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
)

var builtin = Builtin()

// Whatever is written: findings lie within the text, at the borders of characters, in order of their ends, and what is masked shows none of
// them.
func FuzzFindingsLieWithinTheText(f *testing.F) {
	for _, c := range contacts {
		f.Add(c.text)
	}
	for _, text := range harmless {
		f.Add(text)
	}
	f.Add("\xff138\xf012345678")
	f.Add(strings.Repeat("1 ", 500))
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "�") // contents are valid UTF-8 when they come here
		s := scan{strict: true}
		var spans []span
		for _, x := range s.run(builtin, text) {
			if x.from < 0 || x.from >= x.to || x.to > len(text) || x.kind == 0 || !utf8.ValidString(text[x.from:x.to]) {
				t.Fatalf("found %+v in %d bytes", x, len(text))
			}
			spans = append(spans, x.span)
		}
		masked := mask(text, spans)
		if !utf8.ValidString(masked) || len(masked) > len(text)+3*len(spans) {
			t.Fatalf("masked as %q", masked)
		}
		if len(spans) == 0 && masked != text {
			t.Fatal("changed without a finding")
		}
	})
}

func FuzzWhatIsMaskedKeepsItsForm(f *testing.F) {
	f.Add(`{"text":"电话 13812345678","reply":3}`, "text")
	f.Add(`{"text":"a\"b 13812345678"}`, "text")
	f.Add(`{"target":3,"text":"138 1234 5678"}`, "edit")
	f.Add(`{"card":{"title":"x","skills":["13812345678"]}}`, "resume")
	s := New(Config{})
	s.since = s.cfg.Now()
	f.Fuzz(func(t *testing.T, content, kind string) {
		if !utf8.ValidString(content) {
			return
		}
		got, err := s.Admit(t.Context(), chat.Attempt{
			By: identity.Principal{User: "u", Role: identity.Candidate}, Type: kind, Content: json.RawMessage(content),
			Others: []chat.Party{{User: "v", Role: identity.Headhunter}},
		})
		if err != nil || got == nil {
			return
		}
		var c map[string]any
		if json.Unmarshal(got, &c) != nil || strings.Contains(string(got), "13812345678") && kind == chat.TypeText {
			t.Fatalf("%s of %s becomes %s", kind, content, got)
		}
		var text wire.TextContent
		if kind == chat.TypeText && json.Unmarshal(got, &text) != nil {
			t.Fatalf("%s of %s becomes %s", kind, content, got)
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add("contact: {to: {headhunter: refuse}}\nlists: [{name: a, action: mask, words: [ab], patterns: ['x+']}]\n")
	f.Add("lists: [{name: a, to: {candidate: mask}, words: [一二]}]\nveto: {url: 'https://x.example', on_timeout: allow}\n")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := parseRules([]byte(text))
		if err != nil || len(text) > 4<<10 {
			return
		}
		for i := range form.Lists {
			form.Lists[i].Files = nil // what stands on this machine is no part of the test
		}
		r, err := compile(form, "", Where{})
		if err == nil && (r.to[identity.Headhunter] < Mask || r.from[identity.Headhunter] < Mask) {
			t.Fatal("accepted rules that let contacts reach a headhunter (T6)")
		}
	})
}
