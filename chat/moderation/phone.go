package moderation

import (
	"bytes"
	"slices"
	"strings"
)

// phones finds numbers that one can call. A number is a row of whole groups: part of a longer group is none, so that the
// number of an order is not one. What may as well be an amount, a date or a range is none.
func (s *scan) phones(text string) {
	s.findGroups()
	row := 0
	for i, g := range s.groups {
		if g.n == 0 {
			s.row(text, s.groups[row:i])
			row = i + 1
		}
	}
}

func (s *scan) row(text string, row []group) {
	for i := 0; i < len(row); {
		n, doubtful := s.number(row, i)
		if n == 0 {
			i++
			continue
		}
		s.foundAt(text, Phone, row[i].from, row[i+n-1].to, doubtful)
		i += n
	}
}

// number says how many groups from i on are a number, and whether they may be something else.
func (s *scan) number(row []group, i int) (n int, doubtful bool) {
	if !s.mayBegin(row[i]) {
		return 0, false
	}
	for n = 1; i+n <= len(row); n++ {
		part := row[i : i+n]
		all := s.digitsOf(part)
		if len(all) > 16 {
			break
		}
		if s.mobile(part, all) || s.landline(part, all) || s.foreign(part, all) {
			return n, part[0].glued || bytes.HasSuffix(all, zeros) || s.numbered(part[0].from) || s.measured(part[n-1].to)
		}
	}
	return 0, false
}

// mayBegin says whether a number may begin with the group: most groups are told from one by their first digit.
func (s *scan) mayBegin(g group) bool {
	switch s.digits[g.at] {
	case '0', '1', '4', '8':
		return true
	}
	return g.n == 3 || g.from > 0 && s.folded.text[g.from-1] == '+'
}

// digitsOf are the digits of groups that follow one another. They belong to the scan.
func (s *scan) digitsOf(part []group) []byte {
	first, last := part[0], part[len(part)-1]
	return s.digits[first.at : last.at+last.n]
}

// zeros end a number that is more likely an amount.
var zeros = []byte("000000")

// countryCodes may stand before a mobile number.
var countryCodes = [][]byte{[]byte("0086"), []byte("86"), []byte("0")}

// mobile says whether the groups are a mobile number of mainland China, with the country's code or without.
func (s *scan) mobile(part []group, all []byte) bool {
	return isMobile(all) && (len(part) == 1 || !s.otherThanPhone(part))
}

// isMobile says whether the digits are such a number.
func isMobile(all []byte) bool {
	bare := all
	for _, code := range countryCodes {
		if rest, ok := bytes.CutPrefix(all, code); ok && len(rest) == 11 {
			bare = rest
		}
	}
	return len(bare) == 11 && bare[0] == '1' && bare[1] >= '3'
}

// otherThanPhone says whether groups with the digits of a number are more likely a range of amounts, dates, a list, an address
// of the internet or a decimal.
func (s *scan) otherThanPhone(part []group) bool {
	if s.pay(part) || s.dates(part) || s.rising(part) {
		return true
	}
	seps := s.separators(part)
	same := !slices.ContainsFunc(seps, func(x string) bool { return x != seps[0] })
	switch {
	case same && seps[0] == "." && (len(part) == 4 || len(part) == 2):
		return !slices.ContainsFunc([]string{"3.4.4", "3.8", "7.4"}, func(shape string) bool { return s.shape(part) == shape })
	case same && (seps[0] == "," || seps[0] == ", "):
		return thousands(s.shape(part))
	}
	return false
}

// separators are what stands between the groups.
func (s *scan) separators(part []group) []string {
	seps := make([]string, 0, len(part))
	for i := 1; i < len(part); i++ {
		seps = append(seps, string(s.folded.text[part[i-1].to:part[i].from]))
	}
	return seps
}

// shape is the sizes of groups: "3.4.4".
func (s *scan) shape(part []group) string {
	var b strings.Builder
	for i, g := range part {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteByte('0' + byte(min(g.n, 16)))
	}
	return b.String()
}

func thousands(shape string) bool {
	head, rest, _ := strings.Cut(shape, ".")
	return len(head) == 1 && head[0] <= '3' && rest != "" && strings.ReplaceAll(strings.ReplaceAll(rest, "3", ""), ".", "") == ""
}

// round says whether all groups look like amounts: 15000-20000.
func (s *scan) round(part []group) bool {
	return len(part) > 1 && !slices.ContainsFunc(part, func(g group) bool {
		return g.n < 3 || s.digits[g.at+g.n-1] != '0' || s.digits[g.at+g.n-2] != '0'
	})
}

// pay says whether the groups begin with a range of amounts.
func (s *scan) pay(part []group) bool { return len(part) > 1 && s.round(part[:2]) }

// dates says whether the groups begin with a year and a month, or with two years.
func (s *scan) dates(part []group) bool {
	if len(part) < 2 || !s.year(part[0]) {
		return false
	}
	second := s.value(part[1])
	return s.year(part[1]) || part[1].n <= 2 && second >= 1 && second <= 12
}

func (s *scan) year(g group) bool {
	v := s.value(g)
	return g.n == 4 && v >= 1900 && v < 2100
}

// value is the number that a short group says; more than any for a long one.
func (s *scan) value(g group) int {
	if g.n > 9 {
		return 1 << 30
	}
	v := 0
	for _, d := range s.digits[g.at : g.at+g.n] {
		v = 10*v + int(d-'0')
	}
	return v
}

// rising says whether the groups are a list that goes up: 1, 3, 5, 10, 15.
func (s *scan) rising(part []group) bool {
	if len(part) < 5 {
		return false
	}
	mixed := false
	for i := 1; i < len(part); i++ {
		if s.value(part[i]) <= s.value(part[i-1]) {
			return false
		}
		mixed = mixed || part[i].n != part[0].n
	}
	return mixed
}

// landline says whether the groups are an area's code and a number, or a number of the kind 400-820-8820.
func (s *scan) landline(part []group, all []byte) bool {
	if len(part) < 2 || len(part) > 3 || len(all) < 10 || len(all) > 12 {
		return false
	}
	code := part[0].n
	switch {
	case string(all[:3]) == "400", string(all[:3]) == "800":
		return len(all) == 10 && part[1].n < 8 && !s.round(part)
	case all[0] != '0' || len(all)-code < 7 || len(all)-code > 8:
		return false
	case code == 3:
		return string(all[:3]) == "010" || all[1] == '2'
	}
	return code == 4 && all[1] >= '3'
}

// foreign says whether the groups are a number with a country's code, or one as Americans write it.
func (s *scan) foreign(part []group, all []byte) bool {
	t, from := s.folded.text, part[0].from
	if from > 0 && t[from-1] == '+' && !(from > 1 && alnum(t[from-2])) {
		return len(all) >= 10 && len(all) <= 15 && !s.round(part)
	}
	if len(all) != 10 || len(part) != 3 || part[0].n != 3 || part[1].n != 3 || all[0] < '2' || all[3] < '2' {
		return false
	}
	for _, sep := range s.separators(part) {
		if sep != "-" && sep != "." && sep != ") " && sep != ")" {
			return false
		}
	}
	return true
}

// naming are words before a number that is none to call.
var naming = []string{
	"编号", "工号", "单号", "订单", "流水号", "会议号", "会议", "会议id", "验证码", "邀请码", "职位id", "岗位id", "职位号", "学号", "证号", "id", "no", "order", "ticket", "job", "ref", "zoom", "code", "uid",
}

// numbered says whether what stands before the number says that it names something else.
func (s *scan) numbered(from int) bool {
	before := strings.TrimRight(string(s.folded.text[max(0, from-24):from]), " :#-=(.")
	before = strings.TrimSuffix(strings.TrimSuffix(before, "是"), "为")
	return slices.ContainsFunc(naming, func(w string) bool { return strings.HasSuffix(before, w) })
}

// units are what may stand behind an amount.
var units = []string{"元", "万", "亿", "%", "￥", "rmb", "usd", "美元", "人", "次", "用户", "行", "条", "ms", "毫秒", "字节", "qps"}

// measured says whether what stands behind the number says that it is an amount.
func (s *scan) measured(to int) bool {
	behind := strings.TrimLeft(string(s.folded.text[to:min(len(s.folded.text), to+12)]), " ")
	return slices.ContainsFunc(units, func(u string) bool { return strings.HasPrefix(behind, u) })
}
