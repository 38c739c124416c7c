package moderation

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// list takes in a list and returns its words in the form in which they are looked for.
func (r *Rules) list(f listFile, dir string) ([][]byte, error) {
	l, err := f.head()
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(r.named, func(o list) bool { return o.name == l.name }) {
		return nil, f.Name.wrong("there are two lists of this name")
	}
	out, err := soughtFor(nil, f.Words)
	if err != nil {
		return nil, err
	}
	for _, name := range f.Files {
		path := name.value
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		words, err := wordsIn(path)
		if err == nil {
			out, err = soughtFor(out, words)
		}
		if err != nil {
			return nil, name.wrong("file of words %s: %w", filepath.Base(path), err)
		}
		r.files = append(r.files, path)
	}
	for _, p := range f.Patterns {
		re, err := compiled(p.value)
		if err != nil {
			return nil, p.wrong("pattern: %w", err)
		}
		r.patterns = append(r.patterns, pattern{re, len(r.named)})
	}
	if len(out) == 0 && len(f.Patterns) == 0 {
		return nil, f.Name.wrong("the list is empty")
	}
	r.named = append(r.named, l)
	return out, nil
}

// soughtFor adds words in the form in which they are looked for.
func soughtFor(out [][]byte, words []at[string]) ([][]byte, error) {
	for _, w := range words {
		var s scan
		s.folded.fold(strings.TrimSpace(w.value))
		s.squeezed.squeeze(&s.folded)
		if len(s.squeezed.text) < 2 {
			return nil, w.wrong("a word needs a character of Chinese, or two letters or digits")
		}
		out = append(out, s.squeezed.text)
	}
	return out, nil
}

// compiled refuses what is too long, and what would be found in every text.
func compiled(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > MaxPattern {
		return nil, fmt.Errorf("it has more than %d bytes", MaxPattern)
	}
	re, err := regexp.Compile(pattern)
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("no regular expression of RE2: %s", e.Code)
	}
	if err != nil {
		return nil, errors.New("no regular expression of RE2")
	}
	if re.MatchString("") {
		return nil, errors.New("it is found in an empty text, so it would be in any")
	}
	return re, nil
}

// head is what a list is called and does.
func (f listFile) head() (l list, err error) {
	l.name = f.Name.value
	if l.name == "" || len(l.name) > 40 || strings.ContainsFunc(l.name, func(c rune) bool { return c != '-' && (c > '~' || !alnum(byte(c))) }) {
		return l, f.line().wrong("a list needs a name of at most 40 small letters, digits and hyphens")
	}
	if (f.Action.value == "") == (len(f.To) == 0) {
		return l, f.Name.wrong("a list needs either action or to")
	}
	l.to = everywhere(Allow)
	if f.Action.value != "" {
		a, err := action(f.Action)
		if err != nil {
			return l, err
		}
		l.to = everywhere(a)
	}
	if l.to, err = roles(l.to, f.To); err != nil {
		return l, err
	}
	l.en, l.zh = f.Text["en"].value, f.Text["zh"].value
	if len(f.Text) > 0 && (l.en == "" || l.zh == "" || len(f.Text) > 2 || max(len(l.en), len(l.zh)) > 500) {
		return l, f.Name.wrong("text has en and zh, each of at most 500 bytes")
	}
	return l, nil
}

// line is where the list stands, as far as that is known.
func (f listFile) line() at[string] {
	first := cmp.Or(f.Name.line, f.Action.line)
	for _, w := range slices.Concat(f.Words, f.Files, f.Patterns) {
		first = cmp.Or(first, w.line)
	}
	return at[string]{line: first}
}

// wordsIn reads a file of words: one a line; empty lines and those that begin with # are none.
func wordsIn(path string) ([]at[string], error) {
	raw, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var out []at[string]
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	for n := 1; lines.Scan(); n++ {
		if w := strings.TrimSpace(lines.Text()); w != "" && !strings.HasPrefix(w, "#") {
			out = append(out, at[string]{w, n})
		}
	}
	if lines.Err() != nil {
		return nil, errors.New("a line is too long")
	}
	return out, nil
}
