package sfu

import (
	"fmt"
	"io"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// silent swallows Pion's own log: it names addresses and quotes SDP.
var silent = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// How long ICE waits. A client that changes its network within failedAfter comes back without a new negotiation.
const (
	disconnectedAfter = 5 * time.Second
	failedAfter       = 25 * time.Second
	keepAlive         = 2 * time.Second
)

// replayWindow is how many packets back from the highest SRTP still takes one, as in libwebrtc: a retransmission without
// RTX has its old number.
const replayWindow = 1024

// opusFormat asks for what a voice needs: in-band FEC and silence suppression (RFC 7587, 6.1).
const opusFormat = "minptime=10;useinbandfec=1;usedtx=1;stereo=0"

// levelURI is the audio level extension (RFC 6464).
const levelURI = sdp.AudioLevelURI

// newConnection makes a peer connection of the worker's socket without interceptors: all RTCP is ours.
func (w *worker) newConnection(in *intake, out *outlet, publishing bool) (*webrtc.PeerConnection, *webrtc.API, error) {
	media, err := newMediaEngine(publishing)
	if err != nil {
		return nil, nil, err
	}
	setting, err := w.settings(in, out)
	if err != nil {
		return nil, nil, err
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(setting),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, nil, fmt.Errorf("new peer connection: %w", err)
	}
	return pc, api, nil
}

func (w *worker) settings(in *intake, out *outlet) (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: silent, BufferFactory: in.buffer}
	s.SetICEUDPMux(out)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(disconnectedAfter, failedAfter, keepAlive)
	s.SetPrflxAcceptanceMinWait(0) // browsers hide their addresses, so this is the usual kind
	s.DisableActiveTCP(true)
	s.SetSRTPReplayProtectionWindow(replayWindow)
	if w.net != nil {
		s.SetNet(w.net)
	}
	// The role decides which cipher the client's order picks; see the design's measurements.
	if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
		return s, fmt.Errorf("set DTLS role: %w", err)
	}
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	s.SetDTLSInsecureSkipHelloVerify(true) // ICE has proved that the address answers
	return s, nil
}

// newMediaEngine knows VP8, VP9 (profile 0) and Opus, and nothing else.
func newMediaEngine(publishing bool) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range codecs(publishing) {
		if err := m.RegisterCodec(c.RTPCodecParameters, c.kind); err != nil {
			return nil, fmt.Errorf("register codec: %w", err)
		}
	}
	for _, x := range extensions(publishing) {
		capability := webrtc.RTPHeaderExtensionCapability{URI: x.uri}
		if err := m.RegisterHeaderExtension(capability, x.kind); err != nil {
			return nil, fmt.Errorf("register header extension: %w", err)
		}
	}
	return m, nil
}

type codec struct {
	webrtc.RTPCodecParameters
	kind webrtc.RTPCodecType
}

func codecs(publishing bool) []codec {
	audio := []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK}}
	video := []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"}, {Type: webrtc.TypeRTCPFBNACK},
		{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"}}
	if publishing {
		audio = append(audio, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})
		video = append(video, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})
	}
	one := func(kind webrtc.RTPCodecType, mime string, rate uint32, channels uint16, format string,
		fb []webrtc.RTCPFeedback, pt webrtc.PayloadType) codec {
		return codec{kind: kind, RTPCodecParameters: webrtc.RTPCodecParameters{PayloadType: pt,
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: channels,
				SDPFmtpLine: format, RTCPFeedback: fb}}}
	}
	return []codec{
		one(webrtc.RTPCodecTypeAudio, webrtc.MimeTypeOpus, 48000, 2, opusFormat, audio, 111),
		one(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeVP8, 90000, 0, "", video, 96),
		one(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeRTX, 90000, 0, "apt=96", nil, 97),
		one(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeVP9, 90000, 0, "profile-id=0", video, 98),
		one(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeRTX, 90000, 0, "apt=98", nil, 99),
	}
}

type extension struct {
	uri  string
	kind webrtc.RTPCodecType
}

func extensions(publishing bool) []extension {
	const audio, video = webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo
	list := []extension{{sdp.SDESMidURI, audio}, {sdp.SDESMidURI, video}, {levelURI, audio}}
	if publishing {
		list = append(list, extension{sdp.TransportCCURI, audio}, extension{sdp.TransportCCURI, video})
	}
	return list
}
