package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"parley/internal/policy"
	"parley/signal/media"
)

func TestKeyFramesAreToldByTheirFirstPacket(t *testing.T) {
	for name, c := range map[string]struct {
		mime    string
		payload []byte
		want    bool
	}{
		"VP8 key":                     {"video/VP8", []byte{0x10, 0x00, 1, 2}, true},
		"VP8 delta":                   {"video/VP8", []byte{0x10, 0x01, 1, 2}, false},
		"VP8 middle of a key frame":   {"video/VP8", []byte{0x00, 0x00, 1, 2}, false},
		"VP8 second partition":        {"video/VP8", []byte{0x11, 0x00, 1, 2}, false},
		"VP8 key, short picture id":   {"video/VP8", []byte{0x90, 0x80, 0x01, 0x00}, true},
		"VP8 key, long picture id":    {"video/VP8", []byte{0x90, 0x80, 0x81, 0x01, 0x00}, true},
		"VP8 delta, long picture id":  {"video/VP8", []byte{0x90, 0x80, 0x81, 0x00, 0x01}, false},
		"VP8 key, all extensions":     {"video/VP8", []byte{0x90, 0xe0, 0x81, 0x01, 0x05, 0x20, 0x00}, true},
		"VP8 cut off in extension":    {"video/VP8", []byte{0x90, 0xe0, 0x81}, false},
		"VP8 cut off":                 {"video/VP8", []byte{0x90}, false},
		"VP8 empty":                   {"video/VP8", nil, false},
		"VP9 key":                     {"video/VP9", []byte{0x08, 0x00}, true},
		"VP9 key with picture id":     {"video/VP9", []byte{0x88, 0x81, 0x01, 0x00}, true},
		"VP9 key, lowest layer":       {"video/VP9", []byte{0xa8, 0x81, 0x01, 0x00, 0x00}, true},
		"VP9 key, upper layer":        {"video/VP9", []byte{0xa8, 0x01, 0x02, 0x00}, false},
		"VP9 predicted":               {"video/VP9", []byte{0x48, 0x00}, false},
		"VP9 middle of a frame":       {"video/VP9", []byte{0x00, 0x00}, false},
		"VP9 cut off in picture id":   {"video/VP9", []byte{0xa8}, false},
		"VP9 cut off after layer bit": {"video/VP9", []byte{0xa8, 0x01}, false},
		"VP9 empty":                   {"video/VP9", nil, false},
	} {
		if got := keyFrameOf(c.mime)(c.payload); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if keyFrameOf("audio/opus") != nil {
		t.Error("audio has key frames")
	}
}

func FuzzKeyFrame(f *testing.F) {
	f.Add([]byte{0x90, 0xe0, 0x81, 0x01, 0x05, 0x20, 0x00})
	f.Add([]byte{0xa8, 0x81, 0x01, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 && (vp8Key(b) || vp9Key(b)) {
			t.Error("nothing is a key frame")
		}
		vp8Key(b)
		vp9Key(b)
	})
}

func rtpOf(t testing.TB, two bool, ids ...uint8) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 7, SSRC: 9, PayloadType: 96}, Payload: []byte("payload")}
	profile := uint16(rtp.ExtensionProfileOneByte)
	if two {
		profile = rtp.ExtensionProfileTwoByte
	}
	for _, id := range ids {
		if err := p.Header.SetExtensionWithProfile(id, []byte{id, id + 1}, profile); err != nil {
			t.Fatal(err)
		}
	}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestExtensionsAreFoundInEitherForm(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		id     uint8
		want   []byte
	}{
		"one byte form, first":  {rtpOf(t, false, 3, 5), 3, []byte{3, 4}},
		"one byte form, second": {rtpOf(t, false, 3, 5), 5, []byte{5, 6}},
		"two byte form":         {rtpOf(t, true, 3, 20), 20, []byte{20, 21}},
		"not there":             {rtpOf(t, false, 3), 4, nil},
		"no extensions":         {rtpOf(t, false), 3, nil},
		"not negotiated":        {rtpOf(t, false, 3), 0, nil},
		"cut off":               {rtpOf(t, false, 3)[:17], 3, nil},
		"too short":             {[]byte{0x90}, 3, nil},
	} {
		if got := extensionOf(c.packet, c.id); !bytes.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// What we find ourselves is what the library finds.
func FuzzExtension(f *testing.F) {
	f.Add(rtpOf(f, false, 3, 5), uint8(5))
	f.Add(rtpOf(f, true, 3, 20), uint8(20))
	f.Fuzz(func(t *testing.T, b []byte, id uint8) {
		got := extensionOf(b, id)
		var h rtp.Header
		if _, err := h.Unmarshal(b); err != nil || id == 0 || h.ExtensionProfile != rtp.ExtensionProfileOneByte || id > 14 {
			return
		}
		if want := h.GetExtension(id); len(want) > 0 && !bytes.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	})
}

func rtxOfPacket(t testing.TB, seq uint16, payload string, padding uint8) []byte {
	t.Helper()
	body := append(binary.BigEndian.AppendUint16(nil, seq), payload...)
	p := rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: 4000, Timestamp: 77, SSRC: 2, PayloadType: 97,
		Padding: padding > 0, PaddingSize: padding}, Payload: body}
	if err := p.Header.SetExtension(3, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRetransmissionsBecomeThePacketTheyRepeat(t *testing.T) {
	b := unwrapRTX(rtxOfPacket(t, 65000, "frame", 0), 1, 96)
	var p rtp.Packet
	if err := p.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if p.SequenceNumber != 65000 || p.SSRC != 1 || p.PayloadType != 96 || !p.Marker || p.Timestamp != 77 ||
		string(p.Payload) != "frame" {
		t.Errorf("got %+v", p)
	}
}

func TestBandwidthProbesAreNoRetransmissions(t *testing.T) {
	probe := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 2, PayloadType: 97, Padding: true, PaddingSize: 200}}
	b, err := probe.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"padding only": b, "empty": nil, "header only": b[:12]} {
		if got := unwrapRTX(b, 1, 96); got != nil {
			t.Errorf("%s became %v", name, got)
		}
	}
}

func FuzzRTX(f *testing.F) {
	f.Add(rtxOfPacket(f, 1, "frame", 0))
	f.Add(rtxOfPacket(f, 1, "frame", 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		size := len(b)
		if got := unwrapRTX(b, 1, 96); got != nil && (len(got) != size-2 || got[1]&0x7f != 96) {
			t.Errorf("%d bytes became %d", size, len(got))
		}
	})
}

// offerOf makes a real offer.
func offerOf(t testing.TB, labels ...media.Label) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	for _, l := range labels {
		track, err := webrtc.NewTrackLocalStaticRTP(formats[l], string(l), "stream")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
	}
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return o.SDP
}

func TestVettedSDPHoldsOnlyWhatWeKnow(t *testing.T) {
	raw := offerOf(t, media.Microphone, media.Camera)
	raw = strings.Replace(raw, "a=sendonly\r\n", "a=sendonly\r\na=simulcast:send h;l\r\na=rid:h send\r\na=crypto:1 x\r\na=candidate:1 1 udp 1 192.0.2.9 7 typ host\r\na=candidate:1 1 udp 1 0f0f.local 7 typ host\r\n", 1)
	v, err := vetSDP(raw, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"H264", "AV1", "simulcast", "rid:", "crypto", ".local", "profile-id=1", "profile-id=2", "G722", "PCMU", "cryptex"} {
		if strings.Contains(v.sdp, gone) {
			t.Errorf("%s is still there:\n%s", gone, v.sdp)
		}
	}
	for _, kept := range []string{"VP8/90000", "VP9/90000", "opus/48000/2", "rtx/90000", "ice-ufrag", "192.0.2.9"} {
		if !strings.Contains(v.sdp, kept) {
			t.Errorf("%s is gone:\n%s", kept, v.sdp)
		}
	}
	if v.transportCC == 0 || v.ufrag == "" || len(v.sections) != 2 || !v.sections[0].sends || v.sections[1].kind != media.Video {
		t.Errorf("read %+v", v)
	}
}

func TestSDPThatCannotBeTakenIsRefusedWithTheReason(t *testing.T) {
	good := offerOf(t, media.Microphone)
	line := func(key string) string {
		i := strings.Index(good, key)
		return good[i : i+strings.Index(good[i:], "\r\n")+2]
	}
	for name, c := range map[string]struct{ sdp, says string }{
		"empty":             {"", "media sections"},
		"not SDP":           {"hello", "can't be read"},
		"too large":         {good + strings.Repeat("a=x\r\n", maxSDP/5), "64 KiB"},
		"no sections":       {good[:strings.Index(good, "m=")], "media sections"},
		"too many":          {good + strings.Repeat(good[strings.Index(good, "m="):], maxSections), "media sections"},
		"data channel":      {strings.Replace(good, "m=audio", "m=application", 1), "Only audio and video"},
		"control character": {strings.Replace(good, "a=mid:0", "a=mid:0\x00", 1), "can't be read"},
		"lone return":       {strings.Replace(good, "a=mid:0", "a=mid:0\r", 1), "can't be read"},
		"in clear":          {strings.Replace(good, "UDP/TLS/RTP/SAVPF", "RTP/AVP", 1), "DTLS-SRTP"},
		"no mid":            {strings.Replace(good, line("a=mid:"), "", 1), "mid"},
		"long mid":          {strings.Replace(good, line("a=mid:"), "a=mid:12345678901234567\r\n", 1), "mid"},
		"same mid twice":    {good + good[strings.Index(good, "m="):], "mid"},
		"no SSRC":           {strings.ReplaceAll(good, "a=ssrc", "a=no"), "SSRC"},
		"foreign codecs":    {strings.ReplaceAll(good, "opus/48000/2", "speex/8000"), "VP8, VP9 and Opus"},
		"no credentials":    {strings.Replace(good, "a=ice-pwd", "a=no", 1), "ICE"},
		"short password":    {strings.Replace(good, line("a=ice-pwd:"), "a=ice-pwd:short\r\n", 1), "ICE"},
		"no fingerprint":    {strings.Replace(good, "a=fingerprint", "a=no", 1), "fingerprint"},
		"too many formats":  {strings.Replace(good, "SAVPF ", "SAVPF "+strings.Repeat("5 ", maxFormats), 1), "formats"},
	} {
		_, err := vetSDP(c.sdp, true)
		var r *policy.Refusal
		if !errors.As(err, &r) || r.ID != policy.ErrBadRequest.ID || !strings.Contains(r.En, c.says) || r.Zh == "" {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestSectionsThatDoNotSendNeedNoSSRC(t *testing.T) {
	raw := strings.ReplaceAll(offerOf(t, media.Camera), "a=ssrc", "a=no")
	for _, direction := range []string{"recvonly", "inactive"} {
		v, err := vetSDP(strings.Replace(raw, "a=sendonly", "a="+direction, 1), true)
		if err != nil || v.sections[0].sends {
			t.Errorf("%s: %v", direction, err)
		}
	}
}

// Whatever a client writes, vetting and then negotiating neither panics nor hangs, and what was vetted once passes again.
func FuzzOffer(f *testing.F) {
	f.Add(offerOf(f, media.Microphone, media.Camera, media.Screen))
	f.Add(offerOf(f, media.Camera))
	f.Add("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
	s := New(Config{UDP: loopback})
	if err := s.Open(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := vetSDP(raw, true)
		if err != nil {
			return
		}
		again, err := vetSDP(v.sdp, true)
		if err != nil {
			t.Fatalf("vetting again: %v\n%s", err, v.sdp)
		}
		if again.sdp != v.sdp {
			t.Fatalf("vetting again makes another:\n%s\n%s", v.sdp, again.sdp)
		}
		in := newIntake(func() {})
		pc, _, err := s.workers[0].newConnection(in, newOutlet(s.workers[0]), true)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = pc.GracefulClose() }()
		p := &publisher{connection: &connection{pc: pc, trickle: newTrickle("pub", nil)}}
		_ = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: v.sdp})
		p.preferCodecs()
		if answer, err := pc.CreateAnswer(nil); err == nil {
			_ = pc.SetLocalDescription(answer)
		}
	})
}

func TestCandidatesWeCannotUseAreLeftOutOrRefused(t *testing.T) {
	for name, c := range map[string]struct {
		line    string
		usable  bool
		refused bool
	}{
		"host":           {"candidate:1 1 udp 2122194687 192.0.2.2 56256 typ host generation 0", true, false},
		"host over IPv6": {"candidate:1 1 udp 2122194687 2001:db8::1 56256 typ host", true, false},
		"hidden":         {"candidate:1 1 udp 2113937151 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 5 typ host", false, false},
		"TCP":            {"candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active", false, false},
		"garbage":        {"candidate:x", false, true},
		"port":           {"candidate:1 1 udp 1 192.0.2.2 70000 typ host", false, true},
		"too long":       {"candidate:1 1 udp 1 192.0.2.2 9 typ host " + strings.Repeat("x", maxCandidate), false, true},
	} {
		usable, err := vetCandidate(c.line)
		if usable != c.usable || (err != nil) != c.refused {
			t.Errorf("%s: %v, %v", name, usable, err)
		}
		if err != nil && !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCandidate(f *testing.F) {
	f.Add("candidate:1 1 udp 2122194687 192.0.2.2 56256 typ host generation 0")
	f.Add("candidate:1 1 udp 1 192.0.2.2 9 typ srflx raddr 0.0.0.0 rport 0 tcptype")
	f.Fuzz(func(t *testing.T, line string) {
		if usable, err := vetCandidate(line); usable && (err != nil || len(line) > maxCandidate) {
			t.Errorf("usable and refused: %v", err)
		}
	})
}

func TestOffersAlwaysAskForLostSound(t *testing.T) {
	const opus, nack = "a=rtpmap:111 opus/48000/2\r\n", "a=rtcp-fb:111 nack\r\n"
	for name, sdp := range map[string]string{
		"without": "m=audio\r\n" + opus + "a=fmtp:111 x\r\n",
		"with":    "m=audio\r\n" + opus + nack + "a=fmtp:111 x\r\n",
	} {
		if got := askForSound(sdp); got != "m=audio\r\n"+opus+nack+"a=fmtp:111 x\r\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := askForSound("m=video\r\n"); got != "m=video\r\n" {
		t.Errorf("a picture: %q", got)
	}
}
