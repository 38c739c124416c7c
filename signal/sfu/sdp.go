package sfu

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"parley/signal/media"
)

// Bounds of a client's SDP.
const (
	maxSDP      = 64 << 10
	maxSections = 64
	maxFormats  = 64
	maxMid      = 16
)

// vetted is a client's description after it was read: only what we understand is left of it.
type vetted struct {
	sdp         string
	ufrag       string
	sections    []section
	transportCC uint8 // id of the transport-wide sequence number extension, 0 for none
	level       uint8 // id of the audio level extension, 0 for none
}

// section is one media section.
type section struct {
	mid   string
	kind  media.Kind
	sends bool
}

// vetSDP reads a client's offer or answer and writes it anew from the attributes we know, so that nothing else ever
// reaches the negotiation: no data channels, no simulcast, no codec but ours. Errors are refusals that say what was
// wrong and quote nothing.
func vetSDP(raw string, offer bool) (*vetted, error) {
	if len(raw) > maxSDP {
		return nil, bad("The SDP is larger than 64 KiB", "SDP 超过 64 KiB")
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(raw); err != nil || !printable(raw) {
		return nil, bad("The SDP can't be read", "无法解析 SDP")
	}
	if len(d.MediaDescriptions) == 0 || len(d.MediaDescriptions) > maxSections {
		return nil, bad("The SDP has no media sections, or too many", "SDP 的媒体段数量不合要求")
	}
	v := &vetted{}
	d.Attributes = known(d.Attributes, sessionAttributes)
	for _, m := range d.MediaDescriptions {
		if err := v.section(m, offer); err != nil {
			return nil, err
		}
	}
	if err := v.credentials(&d); err != nil {
		return nil, err
	}
	return v, v.write(&d)
}

// printable says that nothing but whole lines of text is in a description.
func printable(raw string) bool {
	return !strings.ContainsFunc(strings.ReplaceAll(raw, "\r\n", "\n"), func(r rune) bool {
		return (r < ' ' && r != '\n') || r == 0x7f
	})
}

// What we know, by attribute name.
var (
	sessionAttributes = []string{"group", "msid-semantic", "ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup",
		"extmap-allow-mixed"}
	mediaAttributes = []string{"mid", "msid", "sendrecv", "sendonly", "recvonly", "inactive", "rtpmap", "fmtp", "rtcp-fb",
		"extmap", "extmap-allow-mixed", "ssrc", "ssrc-group", "ice-ufrag", "ice-pwd", "ice-options", "fingerprint",
		"setup", "rtcp-mux", "rtcp-rsize", "candidate", "end-of-candidates"}
)

func known(all []sdp.Attribute, names []string) []sdp.Attribute {
	return slices.DeleteFunc(all, func(a sdp.Attribute) bool { return !slices.Contains(names, a.Key) })
}

// section reads one media section and strips what we don't know.
func (v *vetted) section(m *sdp.MediaDescription, offer bool) error {
	s := section{}
	switch m.MediaName.Media {
	case "audio":
		s.kind = media.Audio
	case "video":
		s.kind = media.Video
	default:
		return bad("Only audio and video sections are taken", "只接受音频和视频媒体段")
	}
	if strings.Join(m.MediaName.Protos, "/") != "UDP/TLS/RTP/SAVPF" { // RFC 8829, 5.1.2
		return bad("A media section is not secured by DTLS-SRTP", "媒体段未使用 DTLS-SRTP")
	}
	m.Attributes = known(m.Attributes, mediaAttributes)
	s.mid, _ = m.Attribute("mid")
	taken := slices.ContainsFunc(v.sections, func(o section) bool { return o.mid == s.mid })
	if s.mid == "" || len(s.mid) > maxMid || !token(s.mid) || taken {
		return bad("A media section has no mid of its own", "媒体段缺少唯一的 mid")
	}
	if err := stripFormats(m); err != nil {
		return err
	}
	stripCandidates(m)
	s.sends = m.MediaName.Port.Value != 0 && sends(m)
	if s.sends && offer {
		if err := sendable(m); err != nil {
			return err
		}
	}
	v.extensions(m)
	v.sections = append(v.sections, s)
	return nil
}

func token(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// sends says whether the client sends on a section (RFC 8866, 6.7: sendrecv when it does not say).
func sends(m *sdp.MediaDescription) bool {
	for _, a := range m.Attributes {
		switch a.Key {
		case "sendrecv", "sendonly":
			return true
		case "recvonly", "inactive":
			return false
		}
	}
	return true
}

// sendable says why a section that sends can't be taken.
func sendable(m *sdp.MediaDescription) error {
	if len(m.MediaName.Formats) == 0 {
		return bad("A media section offers none of VP8, VP9 and Opus", "媒体段未提供 VP8、VP9 或 Opus")
	}
	if _, ok := m.Attribute("ssrc"); !ok {
		return bad("A media section that sends names no SSRC; simulcast is not taken", "发送媒体段缺少 SSRC；暂不支持联播")
	}
	return nil
}

// formatsKept are the codecs taken, by lower-case name; the profile of VP9 is looked at besides.
var formatsKept = []string{"vp8/90000", "vp9/90000", "opus/48000/2"}

// stripFormats removes every codec but ours, and what is said about them.
func stripFormats(m *sdp.MediaDescription) error {
	if len(m.MediaName.Formats) > maxFormats {
		return bad("A media section has too many formats", "媒体段的格式过多")
	}
	kept := keptFormats(m)
	m.MediaName.Formats = slices.DeleteFunc(m.MediaName.Formats, func(f string) bool { return !kept[f] })
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		switch a.Key {
		case "rtpmap", "fmtp", "rtcp-fb":
			pt, _, _ := strings.Cut(a.Value, " ")
			return pt != "*" && !slices.Contains(m.MediaName.Formats, pt)
		}
		return false
	})
	return nil
}

// keptFormats are the payload types of the codecs we know, and of their retransmissions.
func keptFormats(m *sdp.MediaDescription) map[string]bool {
	kept, of := map[string]bool{}, map[string]string{} // of: codec of a payload type of retransmissions
	for _, a := range m.Attributes {
		pt, name, _ := strings.Cut(a.Value, " ")
		if _, err := strconv.ParseUint(pt, 10, 7); err == nil && a.Key == "rtpmap" {
			kept[pt] = slices.Contains(m.MediaName.Formats, pt) && slices.Contains(formatsKept, strings.ToLower(name))
			if strings.EqualFold(name, "rtx/90000") {
				of[pt] = ""
			}
		}
	}
	for _, a := range m.Attributes {
		pt, fmtp, _ := strings.Cut(a.Value, " ")
		if a.Key != "fmtp" {
			continue
		}
		if profile, ok := parameter(fmtp, "profile-id"); ok && profile != "0" {
			kept[pt] = false
		}
		if _, rtx := of[pt]; rtx {
			of[pt], _ = parameter(fmtp, "apt")
		}
	}
	for pt, codec := range of {
		_, chained := of[codec]
		kept[pt] = kept[codec] && !chained
	}
	return kept
}

// parameter finds one parameter of a format.
func parameter(fmtp, name string) (string, bool) {
	for p := range strings.SplitSeq(fmtp, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// stripCandidates removes the candidates that trickled ones would be refused for.
func stripCandidates(m *sdp.MediaDescription) {
	n := 0
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		if a.Key != "candidate" {
			return false
		}
		usable, err := vetCandidate(a.Value)
		n++
		return err != nil || !usable || n > maxCandidates
	})
}

// extensions notes the ids of the header extensions that we read ourselves.
func (v *vetted) extensions(m *sdp.MediaDescription) {
	for _, a := range m.Attributes {
		if a.Key != "extmap" {
			continue
		}
		id, uri, _ := strings.Cut(a.Value, " ")
		id, _, _ = strings.Cut(id, "/")
		n, err := strconv.ParseUint(id, 10, 8)
		if err != nil {
			continue
		}
		uri, _, _ = strings.Cut(uri, " ")
		switch uri {
		case sdp.TransportCCURI:
			v.transportCC = uint8(n)
		case levelURI:
			v.level = uint8(n)
		}
	}
}

// credentials checks that the description says how to reach its sender and by which certificate.
func (v *vetted) credentials(d *sdp.SessionDescription) error {
	find := func(name string) string {
		if s, ok := d.Attribute(name); ok {
			return s
		}
		for _, m := range d.MediaDescriptions {
			if s, ok := m.Attribute(name); ok {
				return s
			}
		}
		return ""
	}
	v.ufrag = find("ice-ufrag")
	pwd := find("ice-pwd")
	if len(v.ufrag) < 4 || len(v.ufrag) > 256 || len(pwd) < 22 || len(pwd) > 256 { // RFC 8839, 5.4
		return bad("The ICE credentials are missing or malformed", "缺少 ICE 凭据或格式有误")
	}
	if len(strings.Fields(find("fingerprint"))) != 2 {
		return bad("The certificate's fingerprint is missing", "缺少证书指纹")
	}
	return nil
}

func (v *vetted) write(d *sdp.SessionDescription) error {
	b, err := d.Marshal()
	if err != nil {
		return bad("The SDP can't be read", "无法解析 SDP")
	}
	v.sdp = string(b)
	return nil
}
