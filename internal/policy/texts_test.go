package policy

import (
	"strings"
	"testing"
	"testing/fstest"
)

func text(version string, purpose Purpose, material bool) Text {
	both := map[string]string{"zh": "字", "en": "word"}
	return Text{Version: version, Purpose: purpose, Material: material, Title: both, Body: both}
}

func TestBuiltinTextsNameWhatTheyMustName(t *testing.T) {
	texts := BuiltinTexts()
	notice, ok := texts.Current(InterviewRecording)
	if !ok || notice.Version != "interview-recording@1" || notice.RetentionMonths != 6 {
		t.Fatalf("current interview notice is %q (%d months), %v", notice.Version, notice.RetentionMonths, ok)
	}
	for lang, words := range map[string][]string{
		"zh": {"面容", "声音", "聊天", "简历", "6 个月", "撤回", "3 秒", "争议", "继续聊天", "只同意录音"},
		"en": {"face", "voice", "chat", "résumé", "6 months", "withdraw", "3 seconds", "dispute", "go on chatting", "sound only"},
	} {
		for _, w := range words {
			if !strings.Contains(notice.Body[lang], w) {
				t.Errorf("%s body does not say %q", lang, w)
			}
		}
	}
	if _, ok := texts.Current(PrivacyPolicy); !ok {
		t.Error("no privacy policy")
	}
	if _, ok := texts.Current("marketing"); ok {
		t.Error("a purpose without a text has a current one")
	}
}

func TestConsentCountsUntilAMaterialChange(t *testing.T) {
	texts, err := NewTexts(text("a@3", "a", true), text("a@1", "a", true), text("a@2", "a", false), text("a@4", "a", false),
		text("b@1", "b", true))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := texts.Current("a"); got.Version != "a@4" {
		t.Errorf("current is %q", got.Version)
	}
	for version, want := range map[string]bool{"a@1": false, "a@2": false, "a@3": true, "a@4": true, "a@5": false, "b@1": false, "": false} {
		if got := texts.Covers(version, "a"); got != want {
			t.Errorf("Covers(%q) = %v, want %v", version, got, want)
		}
	}
}

// FuzzLoadTexts holds that an operator's file is either refused or shows in every language what it asks for.
func FuzzLoadTexts(f *testing.F) {
	for _, name := range []string{"texts/interview-recording-1.json", "texts/privacy-policy-1.json"} {
		b, err := builtin.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"version":"a@1","purpose":"a","title":{"zh":"字","en":"w"},"body":{"zh":["字"],"en":["w"]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		texts, err := LoadTexts(fstest.MapFS{"texts/a.json": {Data: b}})
		if err != nil {
			return
		}
		for purpose, current := range texts.current {
			got, ok := texts.Get(current.Version)
			if !ok || got.Purpose != purpose || !texts.Covers(current.Version, purpose) {
				t.Errorf("current %q is not in force", current.Version)
			}
			for _, lang := range Languages {
				if got.Title[lang] == "" || got.Body[lang] == "" {
					t.Errorf("%q says nothing in %s", got.Version, lang)
				}
			}
		}
	})
}

func TestBadTextsAreRefused(t *testing.T) {
	oneTongue := text("a@1", "a", true)
	oneTongue.Body = map[string]string{"zh": "字"}
	for name, list := range map[string][]Text{
		"no number":       {text("a", "a", true)},
		"number 0":        {text("a@0", "a", true)},
		"other purpose":   {text("a@1", "b", true)},
		"leading zero":    {text("a@01", "a", true)},
		"twice":           {text("a@1", "a", true), text("a@1", "a", true)},
		"hole":            {text("a@1", "a", true), text("a@3", "a", true)},
		"first missing":   {text("a@2", "a", true)},
		"language absent": {oneTongue},
	} {
		if _, err := NewTexts(list...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := LoadTexts(fstest.MapFS{"texts/a.json": {Data: []byte("{")}}); err == nil {
		t.Error("broken file accepted")
	}
}
