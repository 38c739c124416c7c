package sfu

import (
	"strings"

	"github.com/pion/webrtc/v4"
)

// keyFrameOf gives the function that tells the first packet of a key frame, nil for audio.
func keyFrameOf(mime string) func([]byte) bool {
	switch {
	case strings.EqualFold(mime, webrtc.MimeTypeVP8):
		return vp8Key
	case strings.EqualFold(mime, webrtc.MimeTypeVP9):
		return vp9Key
	}
	return nil
}

// vp8Key says whether an RTP payload begins a VP8 key frame (RFC 7741, 4.2 and 4.3).
//
//	X R N S R PID | [I L T K RSV] | [M PictureID] [PictureID] | [TL0PICIDX] | [TID Y KEYIDX] | … P
func vp8Key(b []byte) bool {
	const x, s, pid = 0x80, 0x10, 0x07
	if len(b) < 1 || b[0]&s == 0 || b[0]&pid != 0 {
		return false
	}
	n := 1
	if b[0]&x != 0 {
		if len(b) < 2 {
			return false
		}
		n += 1 + vp8Extension(b[1], b[2:])
	}
	return len(b) > n && b[n]&0x01 == 0
}

// vp8Extension is the length of what the extension bits announce; rest follows them.
func vp8Extension(bits byte, rest []byte) int {
	const i, l, t, k = 0x80, 0x40, 0x20, 0x10
	n := 0
	if bits&i != 0 {
		n++
		if len(rest) > 0 && rest[0]&0x80 != 0 {
			n++
		}
	}
	if bits&l != 0 {
		n++
	}
	if bits&(t|k) != 0 {
		n++
	}
	return n
}

// vp9Key says whether an RTP payload begins a VP9 key frame (RFC 9628, 4.2): not predicted from other pictures, the
// beginning of a frame, and of the lowest spatial layer.
func vp9Key(b []byte) bool {
	const i, p, l, begin = 0x80, 0x40, 0x20, 0x08
	if len(b) < 1 || b[0]&p != 0 || b[0]&begin == 0 {
		return false
	}
	if b[0]&l == 0 {
		return len(b) > 1
	}
	n := 1
	if b[0]&i != 0 {
		if len(b) < 2 {
			return false
		}
		n++
		if b[1]&0x80 != 0 {
			n++
		}
	}
	return len(b) > n && b[n]>>1&0x07 == 0 // SID
}
