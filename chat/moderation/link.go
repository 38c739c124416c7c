package moderation

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// addresses finds addresses of mail and of the web.
func (s *scan) addresses(text string, trusted []string) {
	t := s.folded.text
	for i := 0; i < len(t); i++ {
		if t[i] != '.' || i == 0 || !alnum(t[i-1]) || i+1 == len(t) || !alnum(t[i+1]) {
			continue
		}
		from, to := hostAround(t, i)
		if at := mailBefore(t, from); at >= 0 && tld(t[from:to]) != "" {
			s.foundAt(text, Mail, at, to, false)
		} else if end, ok := link(t, from, to, trusted); ok {
			s.foundAt(text, Link, linkBegin(t, from), end, false)
			to = end
		}
		i = to
	}
}

func hostByte(b byte) bool { return alnum(b) || b == '-' || b == '.' }

// hostAround is what belongs to one name of a host, without dots at its ends.
func hostAround(t []byte, i int) (from, to int) {
	for from = i; from > 0 && hostByte(t[from-1]); {
		from--
	}
	for to = i; to < len(t) && hostByte(t[to]); {
		to++
	}
	for from < to && !alnum(t[from]) {
		from++
	}
	for to > from && !alnum(t[to-1]) {
		to--
	}
	return from, to
}

// tld is the last label of a host if it is one of letters, else empty.
func tld(host []byte) string {
	i := bytes.LastIndexByte(host, '.')
	last := host[i+1:]
	if i <= 0 || len(last) < 2 || len(last) > 12 || slices.ContainsFunc(last, func(b byte) bool { return b < 'a' || b > 'z' }) {
		return ""
	}
	return string(last)
}

// mailBefore is where the part before the @ begins whose host begins at from; -1 if there is none.
func mailBefore(t []byte, from int) int {
	i := from
	for i > 0 && t[i-1] == ' ' {
		i--
	}
	if i == 0 || t[i-1] != '@' {
		return -1
	}
	for i--; i > 0 && t[i-1] == ' '; {
		i--
	}
	end := i
	for i > 0 && (alnum(t[i-1]) || strings.IndexByte("._%+-", t[i-1]) >= 0) {
		i--
	}
	if i == end || string(t[i:end]) == "git" {
		return -1
	}
	return i
}

// Top-level domains of what is taken for a link although nothing else says so, and of those that need a path behind them.
var (
	bareTLDs = words("com cn net org cc vip xyz top")
	pathTLDs = words("me io link site shop club online app info ltd tech icu tv co hk tw us uk jp gg ly dev ai cloud fun work pub wang")
	// notHosts are names of software and firms that look like hosts.
	notHosts = words("asp.net ado.net vb.net ml.net socket.io draw.io booking.com amazon.com trip.com salesforce.com monday.com 58.com " +
		"jd.com ctrip.com make.com cars.com hotels.com overstock.com alibaba.com netease.com douban.com zoom.us")
)

func words(all string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(all) {
		m[w] = true
	}
	return m
}

// link says whether the host at from is one of a link, and where that ends.
func link(t []byte, from, to int, trusted []string) (end int, ok bool) {
	host, last := string(t[from:to]), tld(t[from:to])
	for end = to; end < len(t) && pathByte(t[end], end == to); {
		end++
	}
	path := end > to+1
	scheme := bytes.HasSuffix(t[:from], []byte("://"))
	switch {
	case slices.ContainsFunc(trusted, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) }):
		return end, false
	case scheme:
		return end, true
	case last == "":
		return end, false
	case strings.HasPrefix(host, "www."):
		return end, true
	case notHosts[host] && !path:
		return end, false
	}
	return end, bareTLDs[last] || pathTLDs[last] && path
}

func pathByte(b byte, first bool) bool {
	if first {
		return b == '/' || b == ':' || b == '?'
	}
	return alnum(b) || strings.IndexByte("/-._~?&=%#+:@!$*", b) >= 0
}

// linkBegin is where the link's scheme begins, if it has one.
func linkBegin(t []byte, from int) int {
	if !bytes.HasSuffix(t[:from], []byte("://")) {
		return from
	}
	for from -= 3; from > 0 && t[from-1] >= 'a' && t[from-1] <= 'z'; {
		from--
	}
	return from
}

// providers of mail, by whose name alone an address is known.
const providers = `(?:qq|163|126|gmail|outlook|hotmail|foxmail|sina|yahoo|icloud|aliyun|139|189|sohu|yeah|protonmail|live)\b`

// around matches addresses of mail that are written around the @ or the dot.
var around = regexp.MustCompile(`([a-z0-9][a-z0-9._%+-]{2,})(?:` +
	` ?(?:@|\(at\)|\[at\]|<at>|艾特|圈a|爱特) ?` + providers + `(?: ?(?:\.|点|dot|\(dot\)|\[dot\]|。|,) ?(?:com|cn|net)\b)?` +
	`|(?: at | ?# ?)` + providers + ` ?(?:dot|\(dot\)|\[dot\]|点|\.|。) ?(?:com|cn|net)\b)`)

// arounds are what stands for the @ there.
var arounds = [][]byte{[]byte("@"), []byte("(at)"), []byte("[at]"), []byte("<at>"), []byte("艾特"), []byte("圈a"), []byte("爱特"), []byte(" at "), []byte("#")}

// hiddenMail finds what around matches.
func (s *scan) hiddenMail(text string) {
	if !slices.ContainsFunc(arounds, func(mark []byte) bool { return bytes.Contains(s.folded.text, mark) }) {
		return
	}
	for _, m := range around.FindAllIndex(s.folded.text, -1) {
		s.foundAt(text, Mail, m[0], m[1], false)
	}
}
