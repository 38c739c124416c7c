package moderation

import (
	"unicode"
	"unicode/utf8"
)

// folded is a text in the form that rules look at, and where each of its bytes came from.
type folded struct {
	text []byte
	from []int32 // from[i]: where in the original the character stands that text[i] belongs to
}

func (f *folded) reset() { f.text, f.from = f.text[:0], f.from[:0] }

func (f *folded) add(r rune, at int32) {
	if r < utf8.RuneSelf {
		f.text, f.from = append(f.text, byte(r)), append(f.from, at)
		return
	}
	n := len(f.text)
	f.text = utf8.AppendRune(f.text, r)
	for range len(f.text) - n {
		f.from = append(f.from, at)
	}
}

// span is where in the original the bytes from a up to b of the folded text stand, b > a.
func (f *folded) span(original string, a, b int) span {
	last := int(f.from[b-1])
	_, size := utf8.DecodeRuneInString(original[last:])
	return span{int(f.from[a]), last + size}
}

// span is a part of an original text, in bytes.
type span struct{ from, to int }

// fold makes one form of what people write in many: lower case, half width, plain digits and letters for styled ones, one
// kind of space. What takes no room is left out.
func (f *folded) fold(s string) {
	f.reset()
	for i, r := range s {
		switch {
		case r >= 'A' && r <= 'Z':
			f.add(r+'a'-'A', int32(i))
		case r < utf8.RuneSelf, r >= 0x3400 && r <= 0x9fff:
			f.add(r, int32(i))
		default:
			if r = plain(r); r != 0 {
				f.add(r, int32(i))
			}
		}
	}
}

// styled are runs of 10 digits or 26 letters that look like plain ones; first is the character that stands for base.
var styled = []struct{ first, last, base rune }{
	{0x2460, 0x2468, '1'}, {0x2474, 0x247c, '1'}, {0x2488, 0x2490, '1'}, {0x24f5, 0x24fd, '1'},
	{0x2776, 0x277e, '1'}, {0x2780, 0x2788, '1'}, {0x278a, 0x2792, '1'},
	{0x2070, 0x2070, '0'}, {0x2074, 0x2079, '4'}, {0x2080, 0x2089, '0'}, {0x24ea, 0x24ea, '0'}, {0x24ff, 0x24ff, '0'},
	{0x0660, 0x0669, '0'}, {0x06f0, 0x06f9, '0'}, {0xb9, 0xb9, '1'}, {0xb2, 0xb3, '2'},
	{0x24b6, 0x24cf, 'a'}, {0x24d0, 0x24e9, 'a'}, {0x249c, 0x24b5, 'a'},
	{0x2160, 0x2163, '1'}, {0x2164, 0x2164, 'v'}, {0x2165, 0x2168, '6'}, {0x2169, 0x2169, 'x'},
	{0x2170, 0x2173, '1'}, {0x2174, 0x2174, 'v'}, {0x2175, 0x2178, '6'}, {0x2179, 0x2179, 'x'},
	{0x3021, 0x3029, '1'}, {0x3220, 0x3228, '1'}, {0x3280, 0x3288, '1'}, {0x1d360, 0x1d368, '1'},
	{0x2f00, 0x2f00, '1'}, {0x2f06, 0x2f06, '2'}, {0x2f0b, 0x2f0b, '8'}, {0x1f101, 0x1f10a, '0'}, {0x1f10b, 0x1f10c, '0'},
	{0x1f130, 0x1f149, 'a'}, {0x1f150, 0x1f169, 'a'}, {0x1f170, 0x1f189, 'a'}, {0x1f1e6, 0x1f1ff, 'a'},
}

// plain is the character that stands for r in a folded text; 0 for none.
func plain(r rune) rune {
	switch {
	case r >= 0xff01 && r <= 0xff5e: // full width
		return unicode.ToLower(r - 0xfee0)
	case r == '。' || r == '、': // they end or part what is said
		return r
	case unicode.IsSpace(r), unicode.Is(unicode.Zs, r):
		return ' '
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r), unicode.Is(unicode.Variation_Selector, r):
		return 0
	case r >= 0x1d400 && r <= 0x1d6a3: // mathematical letters
		return 'a' + (r-0x1d400)%26
	case r >= 0x1d7ce && r <= 0x1d7ff: // mathematical digits
		return '0' + (r-0x1d7ce)%10
	}
	for _, s := range styled {
		if r >= s.first && r <= s.last {
			return s.base + r - s.first
		}
	}
	if unicode.Is(unicode.Nd, r) {
		return decimal(r)
	}
	if r = unicode.ToLower(r); alike[r] != 0 {
		return alike[r]
	}
	return r
}

// decimal is the digit that r is in another script: their tens stand in rows, from 0 on.
func decimal(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	return r
}

// alike are letters that look like those of ASCII: with marks, or of the Cyrillic and Greek scripts.
var alike = func() map[rune]rune {
	all := map[rune]rune{}
	for plain, others := range map[rune]string{
		'a': "àáâãäåāăǎąаα", 'b': "вβ", 'c': "çćčсϲ", 'd': "ďđԁ", 'e': "èéêëēĕėęěеёε", 'g': "ĝğǵɡ", 'h': "ĥһн", 'i': "ìíîïĩīĭįǐıіїι",
		'j': "ĵј", 'k': "ķкκ", 'l': "ĺļľł", 'm': "мḿ", 'n': "ñńņňǹη", 'o': "òóôõöøōŏőǒоο", 'p': "рρ", 'q': "ԛ", 'r': "ŕŗřг", 's': "śŝşšѕ",
		't': "ţťтτ", 'u': "ùúûüũūŭůűųǔǖǘǚǜυ", 'v': "ѵν", 'w': "ŵẁẃẅԝωѡ", 'x': "хχ", 'y': "ýÿŷуγ", 'z': "źżžʐ",
	} {
		for _, r := range others {
			all[r] = plain
		}
	}
	return all
}()

// squeeze leaves out of a folded text what stands between characters to hide a word: spaces, marks and symbols, unless they
// stand between two of ASCII, where they part words, or end a sentence.
func (f *folded) squeeze(of *folded) {
	f.reset()
	wide, gap, gapAt := false, byte(0), int32(0) // of the last character kept; what was left out since
	for i := 0; i < len(of.text); {
		b := of.text[i]
		if b < utf8.RuneSelf && !solid[b] {
			if gap == 0 {
				gap, gapAt = b, of.from[i]
			}
			i++
			continue
		}
		size := 1
		if b >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRune(of.text[i:]); loose(r) {
				i += size
				continue
			}
		}
		if gap != 0 && !wide && b < utf8.RuneSelf {
			f.add(rune(gap), gapAt)
		}
		for k := range size {
			f.text, f.from = append(f.text, of.text[i+k]), append(f.from, of.from[i])
		}
		wide, gap, i = b >= utf8.RuneSelf, 0, i+size
	}
}

// solid are the characters of ASCII that are never left out.
var solid = func() (t [utf8.RuneSelf]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789_@:;,!?=\n" {
		t[c] = true
	}
	return t
}()

// loose says whether a character beyond ASCII is a mark that may hide a word. Ends of sentences are none.
func loose(r rune) bool {
	switch {
	case r >= 0x3400 && r <= 0x9fff:
		return false
	case r == '。' || r == '、' || r == '，':
		return false
	}
	return !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
