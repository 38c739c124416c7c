package moderation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

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

// ruleError says what is wrong on which line of a rules file. It never quotes the file, which may hold a secret.
type ruleError struct {
	line int
	err  error
}

// Error names the line.
func (e *ruleError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// Unwrap is the cause.
func (e *ruleError) Unwrap() error { return e.err }

func (a at[T]) wrong(format string, args ...any) error {
	return &ruleError{a.line, fmt.Errorf(format, args...)}
}

// quotations are what the parser repeats of a file.
var quotations = regexp.MustCompile("(?s)`.*`|'.*'")

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
	return f, errors.New(quotations.ReplaceAllString(err.Error(), "(…)"))
}
