package attach

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanName is the name of a file without its folder and without what does not show as it is: control characters, and those
// that turn the direction of writing around, by which "exe.pdf" is made of "fdp.exe". It ends as files of its form do, so that
// nothing runs by its name as what it is not. An empty name becomes the kind.
func cleanName(name string, kind Kind, ends []string) string {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || strings.ContainsRune(`<>:"|?*`, r) {
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, " .\u3000")
	end := path.Ext(name)
	if !slices.Contains(ends, strings.ToLower(end)) {
		end = ends[0]
		name = strings.TrimRight(shorten(name, MaxName-len(end)), " .")
	} else {
		name = strings.TrimRight(shorten(strings.TrimSuffix(name, end), MaxName-len(end)), " .")
	}
	if name == "" {
		name = string(kind)
	}
	return name + end
}

// shorten cuts a text to so many bytes, between letters.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
