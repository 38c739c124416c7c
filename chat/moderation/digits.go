package moderation

import (
	"unicode/utf8"
)

// group is digits that stand together, in whatever characters: "138", "一三八", "l38", or one word, "eight".
type group struct {
	from, to int // in the folded text
	at, n    int // in the scan's digits
	glued    bool
}

// maxGap is how many characters may stand between two groups of one number.
const maxGap = 3

// groups finds all groups of the folded text. A number of people is a row of them, so what stands between two rows is
// marked by an empty group.
func (s *scan) findGroups() {
	t := s.folded.text
	gap := 0
	for i := 0; i < len(t); {
		from := i
		i = s.group(i)
		switch {
		case i > from:
			gap = 0
		case t[i] < utf8.RuneSelf && parting[t[i]], between(t[i:]) > 0:
			if gap++; gap > maxGap {
				s.part()
			}
			i += max(1, between(t[i:]))
		default:
			s.part()
			gap = 0
			i = s.skip(i)
		}
	}
	s.part()
}

// part ends a row of groups.
func (s *scan) part() {
	if n := len(s.groups); n > 0 && s.groups[n-1].n > 0 {
		s.groups = append(s.groups, group{})
	}
}

// skip passes over what belongs to no number: a whole word of ASCII, else one character.
func (s *scan) skip(i int) int {
	t := s.folded.text
	if !alnum(t[i]) {
		_, size := utf8.DecodeRune(t[i:])
		return i + size
	}
	for i < len(t) && alnum(t[i]) {
		i++
	}
	return i
}

// parting are the characters of ASCII that may part the groups of a number.
var parting = func() (t [utf8.RuneSelf]bool) {
	for _, c := range " -._*/~',()+|=#\t\n\r\\\"<>[]" {
		t[c] = true
	}
	return t
}()

// between is the size of a character beyond ASCII that may part the groups of a number; 0 for none.
func between(t []byte) int {
	r, size := utf8.DecodeRune(t)
	switch r {
	case '、', '。', '·', '—', '–', '…', '•', '・', '－', '～', '→', '❤', '★', '☆', '♥':
		return size
	}
	return 0
}

func alnum(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }

func digit(b byte) bool { return b >= '0' && b <= '9' }

// group takes the group that begins at i, if there is one, and returns where it ends.
func (s *scan) group(i int) int {
	t := s.folded.text
	g := group{from: i, at: len(s.digits), glued: i > 0 && alnum(t[i-1])}
	letters := false
	for i < len(t) {
		b := t[i]
		if digit(b) {
			s.digits = append(s.digits, b)
			i++
			continue
		}
		if b < utf8.RuneSelf {
			if letters = alnum(b); !letters {
				break
			}
			return s.word(g.from, g.at)
		}
		d, size := numeral(t[i:])
		if size == 0 {
			break
		}
		s.digits = append(s.digits, d)
		i += size
	}
	g.to, g.n = i, len(s.digits)-g.at
	if g.n > 0 {
		s.groups = append(s.groups, g)
	}
	return i
}

// word takes a word of ASCII with letters in it: the name of a digit, digits written with letters that look like some, or
// letters before a number. It returns where the group ends, or from if it is none of these.
func (s *scan) word(from, at int) int {
	t := s.folded.text
	s.digits = s.digits[:at]
	end, nums := from, 0
	for end < len(t) && alnum(t[end]) {
		if digit(t[end]) {
			nums++
		}
		end++
	}
	w := t[from:end]
	if nums == 0 && len(w) > longestSpelt {
		return from
	}
	g := group{from: from, to: end, at: at, glued: from > 0 && alnum(t[from-1])}
	if d, ok := spelt[string(w)]; ok {
		s.digits = append(s.digits, d...)
	} else if nums == 0 || !s.lookalike(w) {
		s.digits = s.digits[:at]
		if nums < 7 || !s.wrapped(w, &g) {
			return from
		}
	}
	g.n = len(s.digits) - at
	s.groups = append(s.groups, g)
	return end
}

// wrapped takes the longest run of digits in a word, if it is enough for a number.
func (s *scan) wrapped(w []byte, g *group) bool {
	best, run := 0, 0
	end := 0
	for i, b := range w {
		if run++; !digit(b) {
			run = 0
		}
		if run > best {
			best, end = run, i+1
		}
	}
	if best < 7 {
		return false
	}
	s.digits = append(s.digits, w[end-best:end]...)
	g.from, g.to, g.glued = g.from+end-best, g.from+end, true
	return true
}

// lookalike takes digits of which some are written as letters: at least five are real ones.
func (s *scan) lookalike(w []byte) bool {
	real := 0
	for _, b := range w {
		switch {
		case digit(b):
			real++
		case b == 'o':
			b = '0'
		case b == 'l' || b == 'i':
			b = '1'
		default:
			return false
		}
		s.digits = append(s.digits, b)
	}
	return real >= 5 || real >= 2 && len(w) <= 4
}

// spelt are words that stand for digits, in English and in pinyin.
var spelt = map[string]string{
	"zero": "0", "oh": "0", "o": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
	"ling": "0", "yi": "1", "yao": "1", "er": "2", "san": "3", "si": "4", "wu": "5", "liu": "6", "qi": "7", "ba": "8", "jiu": "9",
}

const longestSpelt = len("three")

// numerals are characters of Chinese that stand for digits, those for saying numbers aloud included.
var numerals = map[rune]byte{
	'零': '0', '〇': '0', '○': '0', '洞': '0',
	'一': '1', '壹': '1', '幺': '1', '弌': '1', '二': '2', '贰': '2', '貳': '2', '两': '2', '兩': '2',
	'三': '3', '叁': '3', '參': '3', '四': '4', '肆': '4', '五': '5', '伍': '5', '六': '6', '陆': '6', '陸': '6',
	'七': '7', '柒': '7', '拐': '7', '八': '8', '捌': '8', '九': '9', '玖': '9', '勾': '9',
}

// numeral reads one of the numerals; size 0 if there is none.
func numeral(t []byte) (d byte, size int) {
	r, n := utf8.DecodeRune(t)
	if !maybe[byte(r)] {
		return 0, 0
	}
	if d, ok := numerals[r]; ok {
		return d, n
	}
	return 0, 0
}

// maybe has the low byte of each numeral: most characters are told from them without a look into the map.
var maybe = func() (t [256]bool) {
	for r := range numerals {
		t[byte(r)] = true
	}
	return t
}()
