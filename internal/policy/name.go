package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mask stands for the part of a name that is not shown.
const mask = "**"

// MaskName is what the other side sees of a name before it is disclosed: the family name and two stars (T2). Without
// a given name nobody can tell whether the family field holds all of the name, so then only its first letter shows.
func MaskName(family, given string) string {
	family, given = strings.TrimSpace(family), strings.TrimSpace(given)
	if n := strings.IndexFunc(family, unicode.IsSpace); n > 0 && han(family[:n]) {
		family = family[:n] // "张 三" or "张　三": the rest is a given name in the wrong field
	}
	family = without(family, given)
	if given == "" || family == given {
		_, n := utf8.DecodeRuneInString(family)
		family = family[:n]
	}
	return family + mask
}

// without leaves the given name out of a family field that holds both: 张伟 of 伟, John Smith of John.
func without(family, given string) string {
	if given == "" || family == given {
		return family
	}
	if rest, found := strings.CutSuffix(family, given); found && (han(family) || strings.HasSuffix(rest, " ")) {
		return strings.TrimSpace(rest)
	}
	if rest, found := strings.CutPrefix(family, given+" "); found {
		return strings.TrimSpace(rest)
	}
	return family
}

// FullName is the name as it is written: family before given without a space in Han script, "given family" else.
func FullName(family, given string) string {
	family, given = strings.TrimSpace(family), strings.TrimSpace(given)
	if han(family + given) {
		return family + given
	}
	return strings.TrimSpace(given + " " + family)
}

// han says whether every letter of s is Han; marks such as the "·" of long names are no letters.
func han(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Han, r) {
			return false
		}
	}
	return true
}
