package policy

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed texts/*.json
var builtin embed.FS

// Languages are those in which every text must exist.
var Languages = []string{"zh", "en"}

// Text is one version of a notice, as it is shown before consent. It never changes: other words are another version
// (R6).
type Text struct {
	Version string // "<purpose>@<number>", numbers ascending from 1
	Purpose Purpose
	// Material says that this version asks for more than the one before: consents to earlier ones no longer count.
	Material bool
	// Title and Body are by language. Paragraphs of a body are separated by an empty line.
	Title, Body map[string]string
	// RetentionMonths is for how long what it covers is kept; 0 when the text names several periods.
	RetentionMonths int
}

// Texts holds every version of every text. It is immutable; any goroutine may use it.
type Texts struct {
	byVersion map[string]Text
	current   map[Purpose]Text
	material  map[Purpose]int // the last material version's number
}

// BuiltinTexts is the set that comes with the program.
func BuiltinTexts() *Texts {
	t, err := LoadTexts(builtin)
	if err != nil {
		panic(err) // the embedded files are part of the program; a test loads them
	}
	return t
}

// LoadTexts reads every texts/*.json below fsys.
func LoadTexts(fsys fs.FS) (*Texts, error) {
	names, err := fs.Glob(fsys, "texts/*.json")
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	var all []Text
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("read text: %w", err)
		}
		t, err := parseText(b)
		if err != nil {
			return nil, fmt.Errorf("read text %s: %w", name, err)
		}
		all = append(all, t)
	}
	return NewTexts(all...)
}

// textFile is how a text is written down: a body is a list of paragraphs.
type textFile struct {
	Version         string              `json:"version"`
	Purpose         Purpose             `json:"purpose"`
	Material        bool                `json:"material"`
	RetentionMonths int                 `json:"retention_months"`
	Title           map[string]string   `json:"title"`
	Body            map[string][]string `json:"body"`
}

func parseText(b []byte) (Text, error) {
	var f textFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Text{}, err
	}
	body := make(map[string]string, len(f.Body))
	for lang, paragraphs := range f.Body {
		body[lang] = strings.Join(paragraphs, "\n\n")
	}
	return Text{Version: f.Version, Purpose: f.Purpose, Material: f.Material, Title: f.Title, Body: body,
		RetentionMonths: f.RetentionMonths}, nil
}

// NewTexts takes the texts in any order. Each purpose's numbers must run from 1 without a hole, so that a version
// that was ever agreed to can still be shown.
func NewTexts(list ...Text) (*Texts, error) {
	t := &Texts{byVersion: map[string]Text{}, current: map[Purpose]Text{}, material: map[Purpose]int{}}
	for _, text := range list {
		if err := t.add(text); err != nil {
			return nil, fmt.Errorf("text %q: %w", text.Version, err)
		}
	}
	for purpose, last := range t.current {
		for n := range number(last.Version) {
			if _, ok := t.byVersion[version(purpose, n+1)]; !ok {
				return nil, fmt.Errorf("text %q is missing", version(purpose, n+1))
			}
		}
	}
	return t, nil
}

func (t *Texts) add(text Text) error {
	n := number(text.Version)
	if text.Purpose == "" || n < 1 || text.Version != version(text.Purpose, n) {
		return errors.New("version must be <purpose>@<number from 1>")
	}
	if _, ok := t.byVersion[text.Version]; ok {
		return errors.New("appears twice")
	}
	for _, lang := range Languages {
		if text.Title[lang] == "" || text.Body[lang] == "" {
			return fmt.Errorf("has no title or body in %q", lang)
		}
	}
	t.byVersion[text.Version] = text
	if n > number(t.current[text.Purpose].Version) {
		t.current[text.Purpose] = text
	}
	if text.Material || n == 1 {
		t.material[text.Purpose] = max(n, t.material[text.Purpose])
	}
	return nil
}

// Current is the newest text for the purpose; false when the purpose has none, and then nothing may be agreed to.
func (t *Texts) Current(p Purpose) (Text, bool) {
	text, ok := t.current[p]
	return text, ok
}

// Get is the text of that version, however old.
func (t *Texts) Get(version string) (Text, bool) {
	text, ok := t.byVersion[version]
	return text, ok
}

// Covers says whether a consent to the version still counts for the purpose: the version exists and nothing material
// changed after it (R6).
func (t *Texts) Covers(version string, p Purpose) bool {
	text, ok := t.byVersion[version]
	return ok && text.Purpose == p && number(version) >= t.material[p]
}

func version(p Purpose, n int) string { return string(p) + "@" + strconv.Itoa(n) }

// number is the part after the @; 0 when there is none.
func number(version string) int {
	_, s, _ := strings.Cut(version, "@")
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
