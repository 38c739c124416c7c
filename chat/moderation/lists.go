package moderation

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"path/filepath"
	"regexp"
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
	all := f.Words
	for _, name := range f.Files {
		path := name.value
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		more, err := wordsIn(path)
		if err != nil {
			return nil, name.wrong("file of words: %w", err)
		}
		r.files, all = append(r.files, path), append(all, more...)
	}
	var out [][]byte
	for _, w := range all {
		var s scan
		s.folded.fold(strings.TrimSpace(w.value))
		s.squeezed.squeeze(&s.folded)
		if len(s.squeezed.text) < 2 {
			return nil, w.wrong("a word needs a character of Chinese, or two letters or digits")
		}
		out = append(out, s.squeezed.text)
	}
	for _, p := range f.Patterns {
		re, err := regexp.Compile(p.value)
		if err != nil || len(p.value) > MaxPattern || re.MatchString("") {
			return nil, p.wrong("a pattern is a regular expression of at most %d bytes (RE2) that does not match nothing", MaxPattern)
		}
		r.patterns = append(r.patterns, pattern{re, len(r.named)})
	}
	if len(out) == 0 && len(f.Patterns) == 0 {
		return nil, f.Name.wrong("the list is empty")
	}
	r.named = append(r.named, l)
	return out, nil
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
		return nil, errors.New("it can't be read")
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
