package moderation

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Where contacts are masked, numbers are also looked for that are taken apart further than people write them by habit. What is
// found so is doubtful.

// maxApart is how many characters may stand between two groups of such a number.
const maxApart = 12

// scattered finds mobile numbers in pieces, whatever stands between these, and such with one letter between digits.
func (s *scan) scattered(text string) {
	pieces := slices.DeleteFunc(slices.Clone(s.groups), func(g group) bool { return g.n == 0 })
	for i := range pieces {
		for n := 2; i+n <= len(pieces); n++ {
			part := pieces[i : i+n]
			all := s.digitsOf(part)
			if len(all) > 15 {
				break
			}
			if isMobile(all) && s.apart(part) {
				s.foundAt(text, Phone, part[0].from, part[n-1].to, true)
			}
		}
	}
	s.laced(text)
}

// apart says whether what stands between the pieces makes one number of them: marks of any kind, or the same words again and again.
func (s *scan) apart(part []group) bool {
	seps := s.separators(part)
	same, words := true, false
	for _, sep := range seps {
		if utf8.RuneCountInString(sep) > maxApart {
			return false
		}
		same = same && sep == seps[0]
		words = words || strings.ContainsFunc(sep, func(r rune) bool { return r == ':' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	}
	return (same || !words) && !s.pay(part) && !s.dates(part) && !s.rising(part)
}

// laced finds words of ASCII that are a mobile number with one and the same letter between the digits.
func (s *scan) laced(text string) {
	t := s.folded.text
	for from := 0; from < len(t); from++ {
		if !alnum(t[from]) {
			continue
		}
		to, digits, letter, pure := from, []byte(nil), byte(0), true
		for ; to < len(t) && alnum(t[to]); to++ {
			switch b := t[to]; {
			case digit(b):
				if len(digits) < 16 {
					digits = append(digits, b)
				}
			case letter == 0 || letter == b:
				letter = b
			default:
				pure = false
			}
		}
		if pure && isMobile(digits) {
			s.foundAt(text, Phone, from, to, true)
		}
		from = to
	}
}

// across finds contacts that stand in several texts of one content, and returns for each text what of it is to be masked.
func (j *judgement) across(s *scan, edit editor, content json.RawMessage) ([][]span, error) {
	var all []string
	if _, err := edit(content, func(text string) string {
		all = append(all, text)
		return text
	}); err != nil || len(all) < 2 {
		return nil, err
	}
	joined, ends := make([]byte, 0, 256), make([]int, len(all))
	for i, text := range all {
		if s.amounts(text) {
			text = strings.Repeat("!", len(text))
		}
		joined = append(joined, text...)
		ends[i] = len(joined)
		joined = append(joined, ' ')
	}
	masks := make([][]span, len(all))
	for _, f := range s.run(j.rules, string(joined)) {
		first, _ := slices.BinarySearch(ends, f.from+1)
		last, _ := slices.BinarySearch(ends, f.to)
		a := j.of(f)
		if f.kind == Listed || a < Mask || first >= last || last >= len(all) {
			continue
		}
		if a > j.action {
			j.action, j.by = a, f
		}
		for i := first; i <= last; i++ {
			begin := ends[i] - len(all[i])
			masks[i] = append(masks[i], span{max(f.from, begin) - begin, min(f.to, ends[i]) - begin})
		}
	}
	return masks, nil
}

// amounts says whether all numbers of a text are round, as those of pay are.
func (s *scan) amounts(text string) bool {
	s.groups, s.digits = s.groups[:0], s.digits[:0]
	s.folded.fold(text)
	s.findGroups()
	some := false
	for _, g := range s.groups {
		if g.n == 0 {
			continue
		}
		if some = true; g.n < 3 || string(s.digits[g.at+g.n-2:g.at+g.n]) != "00" {
			return false
		}
	}
	return some
}
