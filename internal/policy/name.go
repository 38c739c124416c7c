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
	family = strings.TrimSpace(family)
	if first, _, found := strings.Cut(family, " "); found && han(first) {
		family = first // "张 三": the rest is a given name in the wrong field
	}
	if strings.TrimSpace(given) == "" {
		_, n := utf8.DecodeRuneInString(family)
		family = family[:n]
	}
	return family + mask
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
