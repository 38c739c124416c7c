package moderation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The form of a rules file; RULES.md describes it.
type (
	rulesFile struct {
		Contact contactFile `yaml:"contact"`
		Lists   []listFile  `yaml:"lists"`
		Veto    *vetoFile   `yaml:"veto"`
	}
	contactFile struct {
		To      map[string]at[string] `yaml:"to"`
		From    map[string]at[string] `yaml:"from"`
		Kinds   map[string]at[string] `yaml:"kinds"`
		Trusted []at[string]          `yaml:"trusted_hosts"`
	}
	listFile struct {
		Name     at[string]            `yaml:"name"`
		Action   at[string]            `yaml:"action"`
		To       map[string]at[string] `yaml:"to"`
		Words    []at[string]          `yaml:"words"`
		Files    []at[string]          `yaml:"files"`
		Patterns []at[string]          `yaml:"patterns"`
		Text     map[string]at[string] `yaml:"text"`
	}
	vetoFile struct {
		URL       at[string]   `yaml:"url"`
		Secret    at[string]   `yaml:"secret"`
		Timeout   at[string]   `yaml:"timeout"`
		OnTimeout at[string]   `yaml:"on_timeout"`
		Types     []at[string] `yaml:"types"`
	}
)

// at is a value and the line on which it stands.
type at[T any] struct {
	value T
	line  int
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (a *at[T]) UnmarshalYAML(n *yaml.Node) error {
	a.line = n.Line
	if n.Kind != yaml.ScalarNode {
		return &ruleError{n.Line, errors.New("one value is expected here")}
	}
	return n.Decode(&a.value)
}

// ruleError says what is wrong on which line of a rules file. It quotes no value, which may be a secret.
type ruleError struct {
	line int // 0 where it is about something that is not there
	err  error
}

// Error names the line.
func (e *ruleError) Error() string {
	if e.line == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.line, e.err)
}

// Unwrap is the cause.
func (e *ruleError) Unwrap() error { return e.err }

func (a at[T]) wrong(format string, args ...any) error {
	return &ruleError{a.line, fmt.Errorf(format, args...)}
}

// phrases say in the words of RULES.md what the parser says in those of Go; the last leaves out what it repeats of a file.
var phrases = []struct {
	says  *regexp.Regexp
	means string
}{
	{regexp.MustCompile(`(?s)field (.*) not found in type .*`), "there is no setting $1 here"},
	{regexp.MustCompile(`(?s)cannot unmarshal .* into \[\].*`), "a list is expected here: [one, another]"},
	{regexp.MustCompile(`(?s)cannot unmarshal .* into .*`), "settings are expected here: {name: value}"},
	{regexp.MustCompile("(?s)`.*`|'.*'"), "(…)"},
}

// unreadable is an error of the parser for who wrote the file.
func unreadable(err error) error {
	all := []string{err.Error()}
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		all = e.Errors
	}
	for i := range all {
		for _, p := range phrases {
			all[i] = p.says.ReplaceAllString(all[i], p.means)
		}
	}
	return errors.New(strings.Join(all, "; "))
}

// parseRules reads the form; the rest is for [Rules] to judge.
func parseRules(raw []byte) (f rulesFile, err error) {
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err = d.Decode(&f); errors.Is(err, io.EOF) {
		return f, nil
	}
	if err == nil && !errors.Is(d.Decode(&yaml.Node{}), io.EOF) { // a reader stops without an error where the indentation ends
		err = errors.New("there is something behind the end of the rules")
	}
	var rule *ruleError
	if err == nil || errors.As(err, &rule) {
		return f, err
	}
	return f, unreadable(err)
}
