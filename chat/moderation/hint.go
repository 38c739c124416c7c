package moderation

import (
	"bytes"
	"slices"
	"strings"
)

// hint is a word beside which an id of another service may stand.
type hint struct {
	word string
	kind hintKind
}

type hintKind uint8

const (
	noHint   hintKind = iota
	strong            // nobody writes it for another reason
	weak              // people also write about the service
	invite            // "add me": an id with digits, or a number
	digits            // ids of digits only
	tel               // a number to call
	mailHost          // of an address that is written around the @
)

// hints are looked for in squeezed text, so they hold no spaces but between ASCII.
var hints = func() []hint {
	var all []hint
	for kind, words := range map[hintKind]string{
		strong: "vx v信 v❤ 加v 加微 加薇 加威 薇信 徽信 威♥ 微❤ 绿泡泡 围信 维信号 加wx 加vx v信号 微信号 微信id wechatid wxid vx号",
		weak: "微信 微信同号 威信 wx weixin wechat we\x00chat wei\x00xin v\x00x w\x00x v: telegram tg 电报 飞机号 whatsapp skype line\x00id lineid " +
			"微x 薇: 卫星 dy号 line: 抖音 小红书 抖音号 快手号 小红书号 钉钉号 陌陌号 snapchat instagram ins: kakaotalk discord signal微信",
		invite:   "加我 add\x00me 联系我 找我 搜我 contact\x00me reach\x00me",
		digits:   "qq q\x00q 扣扣 扣扣号 企鹅号 企鹅 球球 q号 加q q: 口口号 叩叩",
		tel:      "电话 電話 手机 手机号 联系方式 致电 拨打 座机 热线 热线电话 tel phone call cell mobile 打给我 短信 号码",
		mailHost: "qq 163 126 gmail outlook hotmail foxmail sina yahoo icloud aliyun 139 189 sohu yeah protonmail live 谷歌邮箱 网易邮箱",
	} {
		for w := range strings.FieldsSeq(words) {
			all = append(all, hint{strings.ReplaceAll(w, "\x00", " "), kind})
		}
	}
	return all
}()

// filler is what may stand between a hint and the id.
type filler struct {
	text  string
	names bool // it says that an id follows
}

// fillers are by their first byte, the longer ones first.
var fillers = func() (byFirst [256][]filler) {
	for names, words := range map[bool]string{
		true:  "号码 账号 帐号 账户 号 是 为 叫 id is : = 搜索 搜 加 添加 number account username 名",
		false: "的 我 你 请 联系 好友 一下 同号 也 就 本人 or my on me at , @ the",
	} {
		for w := range strings.FieldsSeq(words) {
			byFirst[w[0]] = append(byFirst[w[0]], filler{w, names})
		}
	}
	for _, some := range byFirst {
		slices.SortFunc(some, func(a, b filler) int { return len(b.text) - len(a.text) })
	}
	return byFirst
}()

// maxFillers is how many of them stand between a hint and an id at most.
const maxFillers = 6

// ids looks for an id behind a hint that ends at to in the squeezed text, and before one that begins at from.
func (s *scan) ids(text string, kind hintKind, from, to int) {
	t := s.squeezed.text
	at, named := behind(t, to)
	if end := idEnd(t, at); s.isID(t[at:end], kind, named, at == to) && !s.measuredIn(t, end) {
		s.foundIn(&s.squeezed, text, kindOf(kind), at, end, false)
		return
	}
	if at, named = before(t, from); !named {
		return
	}
	if begin := idBegin(t, at); s.isID(t[begin:at], kind, true, false) {
		s.foundIn(&s.squeezed, text, kindOf(kind), begin, at, false)
	}
}

func kindOf(k hintKind) Kind {
	if k == tel {
		return Phone
	}
	return Messenger
}

// behind passes over fillers; named says that one of them says that an id follows.
func behind(t []byte, at int) (int, bool) {
	named := false
	for range maxFillers {
		for at < len(t) && (t[at] == ' ' || t[at] == '-' || t[at] == '>' || t[at] == '(') {
			at++
		}
		f, ok := fillerAt(t, at)
		if !ok {
			break
		}
		at += len(f.text)
		named = named || f.names
	}
	for at < len(t) && t[at] == ' ' {
		at++
	}
	return at, named
}

func fillerAt(t []byte, at int) (filler, bool) {
	if at == len(t) {
		return filler{}, false
	}
	for _, f := range fillers[t[at]] {
		if len(t)-at >= len(f.text) && string(t[at:at+len(f.text)]) == f.text && !splits(t, at, at+len(f.text)) {
			return f, true
		}
	}
	return filler{}, false
}

// splits says whether the bytes from a up to b begin or end within a word of ASCII.
func splits(t []byte, a, b int) bool {
	return a > 0 && alnum(t[a]) && alnum(t[a-1]) || b < len(t) && alnum(t[b-1]) && alnum(t[b])
}

// before passes backward over "是我的" and its like; named says that there was one of them.
func before(t []byte, at int) (int, bool) {
	named := false
	for range 3 {
		switch rest := t[:at]; {
		case bytes.HasSuffix(rest, []byte("是")), bytes.HasSuffix(rest, []byte("为")):
			at, named = at-len("是"), true
		case bytes.HasSuffix(rest, []byte("我")), bytes.HasSuffix(rest, []byte("的")), bytes.HasSuffix(rest, []byte("这")):
			at -= len("我")
		case bytes.HasSuffix(rest, []byte(" is my ")):
			at, named = at-len(" is my "), true
		}
	}
	return at, named
}

func idByte(b byte) bool { return alnum(b) || b == '_' || b == '-' }

func idEnd(t []byte, at int) int {
	for at < len(t) && idByte(t[at]) {
		at++
	}
	return at
}

func idBegin(t []byte, at int) int {
	for at > 0 && idByte(t[at-1]) {
		at--
	}
	return at
}

// common are words that stand beside the name of a service and are no ids; digits at their end are left out.
var common = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`android harmony harmonyos windows python kotlin javascript typescript golang react angular flutter
		spring springboot django backend frontend fullstack website official account accounts payment platform program programs
		mini-program miniprogram applet manager marketing product operation operations design designer please thanks number
		contact interview interviews developer development engineer engineering message messages channel channels group groups
		login oauth server service services client clients webview uniapp mysql redis docker linux ubuntu html5 nodejs
		vue-cli webpack tencent wechat weixin whatsapp telegram facebook twitter linkedin before after during tomorrow today
		monday tuesday wednesday thursday friday saturday sunday anytime later should would could because`) {
		all[w] = true
	}
	return all
}()

// isID says whether w looks like an id of the service.
func (s *scan) isID(w []byte, kind hintKind, named, glued bool) bool {
	nums := 0
	for _, b := range w {
		if digit(b) {
			nums++
		}
	}
	switch {
	case kind == mailHost, len(w) == 0:
		return false
	case nums == len(w):
		return s.isNumber(w, kind, named)
	case kind == digits, kind == tel, len(w) < 6, len(w) > 20, digit(w[0]), w[0] == '-', common[strings.TrimRight(string(w), "0123456789")]:
		return false
	case nums > 0, bytes.IndexByte(w, '_') > 0:
		return true
	}
	return kind != invite && !common[string(w)] && (kind == strong && !glued || named)
}

// isNumber says whether digits alone may be an id, or a number to call.
func (s *scan) isNumber(w []byte, kind hintKind, named bool) bool {
	if len(w) > 12 || bytes.HasSuffix(w, []byte("0000")) {
		return false
	}
	dated := len(w) == 8 && (w[0] == '1' && w[1] == '9' || w[0] == '2' && w[1] == '0')
	switch kind {
	case strong:
		return len(w) >= 5
	case digits:
		return len(w) >= 5 && (!dated || named)
	case tel:
		return len(w) >= 7 && !dated
	}
	return len(w) >= 6 && !dated
}

// measuredIn says whether what stands behind a number of the squeezed text says that it is an amount.
func (s *scan) measuredIn(t []byte, end int) bool {
	if !digit(t[end-1]) {
		return false
	}
	behind := string(t[end:min(len(t), end+12)])
	return slices.ContainsFunc(units, func(u string) bool { return strings.HasPrefix(behind, u) })
}
