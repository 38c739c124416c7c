package moderation

import (
	"slices"
	"sync"
)

// Kind is what was found in a text. The zero value is nothing.
type Kind uint8

// The kinds of findings.
const (
	_         Kind = iota
	Phone          // a number that one can call
	Messenger      // an id of WeChat, QQ and their like
	Mail           // an address of mail
	Link           // an address of the web
	Listed         // a word or pattern of a list
)

// String is the kind as rules and metrics name it.
func (k Kind) String() string {
	switch k {
	case Phone:
		return "phone"
	case Messenger:
		return "messenger"
	case Mail:
		return "mail"
	case Link:
		return "link"
	case Listed:
		return "list"
	}
	return "nothing"
}

// finding is what was found where in the original text. A doubtful one is as likely something else.
type finding struct {
	span
	kind     Kind
	doubtful bool
	list     int // of Listed: which one
}

// scan is the work on one text, with room that is used again.
type scan struct {
	folded, squeezed folded
	groups           []group
	digits           []byte
	found            []finding
	strict           bool // contacts are masked here
}

var scans = sync.Pool{New: func() any { return new(scan) }}

func (s *scan) foundAt(text string, k Kind, from, to int, doubtful bool) {
	s.foundIn(&s.folded, text, k, from, to, doubtful)
}

func (s *scan) foundIn(f *folded, text string, k Kind, from, to int, doubtful bool) {
	s.found = append(s.found, finding{span: f.span(text, from, to), kind: k, doubtful: doubtful})
}

// run looks for all that the rules name. What it returns belongs to the scan.
func (s *scan) run(r *Rules, text string) []finding {
	s.groups, s.digits, s.found = s.groups[:0], s.digits[:0], s.found[:0]
	s.folded.fold(text)
	s.squeezed.squeeze(&s.folded)
	s.phones(text)
	if s.strict {
		s.scattered(text)
	}
	s.addresses(text, r.trusted)
	s.matches(r, text)
	for i, p := range r.patterns {
		for _, m := range p.re.FindAllIndex(s.folded.text, maxMatches) {
			if m[1] > m[0] {
				s.found = append(s.found, finding{span: s.folded.span(text, m[0], m[1]), kind: Listed, list: r.patterns[i].list})
			}
		}
	}
	return s.found
}

// maxMatches is how many matches of one pattern count.
const maxMatches = 100

// matches looks for the words of lists and for hints, all in one pass.
func (s *scan) matches(r *Rules, text string) {
	mail := false
	for _, m := range r.words.FindAllOverlapping(s.squeezed.text) {
		if splits(s.squeezed.text, m.Start, m.End) && !s.runsOn(m.End, r, m.PatternID) {
			continue
		}
		if m.PatternID >= len(hints) {
			list := r.lists[m.PatternID-len(hints)]
			s.found = append(s.found, finding{span: s.squeezed.span(text, m.Start, m.End), kind: Listed, list: list})
			continue
		}
		if k := hints[m.PatternID].kind; k == mailHost {
			mail = true
		} else {
			s.ids(text, k, m.Start, m.End)
		}
	}
	if mail {
		s.hiddenMail(text)
	}
}

// runsOn says whether a hint that ends within a word of ASCII does so because the digits of an id follow at once: qq12345.
func (s *scan) runsOn(end int, r *Rules, pattern int) bool {
	t := s.squeezed.text
	return pattern < len(hints) && hints[pattern].kind != mailHost && end < len(t) && digit(t[end]) && alnum(t[end-1]) && !digit(t[end-1]) &&
		!s.startsWithin(end-len(hints[pattern].word))
}

func (s *scan) startsWithin(at int) bool {
	t := s.squeezed.text
	return at > 0 && alnum(t[at-1]) && alnum(t[at])
}

// mask puts three stars in place of each span. Spans may overlap and stand in any order.
func mask(text string, spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	out, at := make([]byte, 0, len(text)), 0
	for i := 0; i < len(spans); i++ {
		from, to := spans[i].from, spans[i].to
		for ; i+1 < len(spans) && spans[i+1].from <= to; i++ {
			to = max(to, spans[i+1].to)
		}
		out = append(append(out, text[at:from]...), "***"...)
		at = to
	}
	return string(append(out, text[at:]...))
}
