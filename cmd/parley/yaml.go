package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// file holds the settings of a YAML file by their flags' names.
type file map[string]any

// loadYAML reads a settings file; it is kong's loader behind --config.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	f := file{}
	d := yaml.NewDecoder(r)
	err := d.Decode(&f)
	if err == nil && !errors.Is(d.Decode(&file{}), io.EOF) { // it stops without an error where the indentation ends
		err = errors.New("there is something behind the end of the settings")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config file: %s; write each setting once, as \"key: value\" at the beginning of a line", quotations.ReplaceAllString(err.Error(), "(…)"))
	}
	return f, nil
}

// quotations are what the parser repeats of a file, which may be part of a secret.
var quotations = regexp.MustCompile("(?s)`.*`|'.*'")

// Validate refuses keys that are no setting, so that a misspelt one is not silently without effect.
func (f file) Validate(app *kong.Application) error {
	known := settings(app)
	var errs []error
	for _, key := range sortedKeys(f) {
		if !slices.Contains(known, key) {
			errs = append(errs, fmt.Errorf("config file: unknown key %q%s", key, suggestion(key, known)))
		}
	}
	return errors.Join(errs...)
}

// isSecret says whether the setting never prints. What the file says of it must be text: a number or a date would be read as
// something else than stands there.
func isSecret(flag *kong.Flag) bool {
	t := flag.Target.Type()
	if flag.IsSlice() {
		t = t.Elem()
	}
	return t == reflect.TypeFor[secret]()
}

// plainValue says whether the value is one that a setting may have: what kong can't take it would show.
func plainValue(v any, list, secret bool) bool {
	switch v := v.(type) {
	case nil, string:
		return true
	case []any:
		return list && !slices.ContainsFunc(v, func(one any) bool { return !plainValue(one, false, secret) })
	case bool, int, uint64, float64, time.Time:
		return !secret
	}
	return false
}

// Resolve gives a flag its value unless the environment does. What can't be its value is not shown: it may be a secret.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	if v := f[flag.Name]; plainValue(v, flag.IsSlice(), isSecret(flag)) {
		return v, nil
	}
	if flag.IsSlice() {
		return nil, fmt.Errorf("config file: %s has a value of another kind; write a text or a list of texts, secrets in quotes", flag.Name)
	}
	return nil, fmt.Errorf("config file: %s has a value of another kind; write one text, a secret in quotes", flag.Name)
}

// settings are the names of all fields of [Config].
func settings(app *kong.Application) []string {
	var names []string
	for _, command := range app.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			names = append(names, flag.Name)
		}
	}
	return names
}

func sortedKeys(f file) []string { return slices.Sorted(maps.Keys(f)) }

// suggestion names the setting that was probably meant, if one is near.
func suggestion(key string, known []string) string {
	plain := strings.ToLower(strings.ReplaceAll(key, "_", "-"))
	best, at := "", 3 // more than two edits is another word
	for _, k := range known {
		if d := distance(plain, k); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ": the keys are the long names of the flags of parley serve --help"
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// distance is the Levenshtein distance of two short words. Row i holds the distances of a[:i] to each b[:j].
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
