package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

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
		return nil, fmt.Errorf("config file: %w; write each setting once, as \"key: value\" at the beginning of a line", err)
	}
	return f, nil
}

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

// Resolve gives a flag its value unless the environment does.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	return f[flag.Name], nil
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

func sortedKeys(f file) []string {
	keys := make([]string, 0, len(f))
	for k := range f {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

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
