package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// FuzzSettings reads any settings file: it has known keys with values of their kinds, or it is refused in one short text.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{"", "http: :443\n", "api-secret: [a, 'b']\n", "api_secret: x\n", "http: {a: b}\n", "a: &a [*a]\n", "http: 1\nhttp: 2\n", "- x\n", "\x00", "? [a]\n: b\n"} {
		f.Add([]byte(s))
	}
	parser, err := kong.New(&cli{}, kong.Name("parley"), kong.DefaultEnvars("PARLEY"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		settings, err := loadYAML(bytes.NewReader(b))
		if err == nil {
			err = settings.Validate(parser.Model)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "config file: ") {
			t.Errorf("%q: %v", b, err)
		}
		if err != nil {
			return
		}
		for _, command := range parser.Model.Children {
			for _, flag := range command.Flags {
				if _, err := settings.Resolve(nil, nil, flag); err != nil && !strings.Contains(err.Error(), flag.Name) {
					t.Errorf("%q: %v does not name %s", b, err, flag.Name)
				}
			}
		}
	})
}
