package strip_test

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Films put together by hand, so that each part can be made wrong.

func u32(vs ...uint32) string {
	var b []byte
	for _, v := range vs {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return string(b)
}

func mp4Box(kind string, parts ...string) string {
	body := strings.Join(parts, "")
	return u32(uint32(len(body)+8)) + kind + body
}

// mp4Trak is a track of one chunk with samples of the lengths, at an offset of the file.
func mp4Trak(id uint32, handler string, dref uint32, at uint32, lengths ...uint32) string {
	tkhd := mp4Box("tkhd", u32(3, 0, 0, id, 0, 100), strings.Repeat("\x00", 16), u32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30), u32(96<<16, 64<<16))
	stbl := mp4Box("stbl", mp4Box("stsd", u32(0, 0)), mp4Box("stsc", u32(0, 1, 1, uint32(len(lengths)), 1)),
		mp4Box("stsz", u32(append([]uint32{0, 0, uint32(len(lengths))}, lengths...)...)), mp4Box("stco", u32(0, 1, at)))
	minf := mp4Box("minf", mp4Box("dinf", mp4Box("dref", u32(0, 1), mp4Box("url ", u32(dref)))), stbl)
	return mp4Box("trak", tkhd, mp4Box("mdia", mp4Box("mdhd", u32(0, 0, 0, 1000, 1500, 0)), mp4Box("hdlr", u32(0, 0), handler, u32(0, 0, 0)), minf),
		mp4Box("udta", mp4Box("\xa9xyz", secret)))
}

// handmadeMP4 is a film of a picture and a track of places, whose samples are the second half of the data.
func handmadeMP4(handler string, dref uint32, offset int) []byte {
	ftyp, data := mp4Box("ftyp", "isom", u32(0), "isom"), "picture!"+secret
	at := len(ftyp) + 8
	mdat := mp4Box("mdat", data)
	moov := mp4Box("moov", mp4Box("mvhd", u32(0, 0, 0, 1000, 1500, 0)), mp4Trak(1, "vide", 1, uint32(at), 4, 4),
		mp4Trak(2, handler, dref, uint32(at+8+offset), 9, uint32(len(secret)-9)), mp4Box("meta", secret))
	return []byte(ftyp + mdat + moov + mp4Box("uuid", strings.Repeat("x", 16), secret) + mp4Box("free", "secret"))
}

func ebml(id uint32, parts ...string) string {
	body := strings.Join(parts, "")
	head := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	return string(head) + string(binary.BigEndian.AppendUint64(nil, 1<<56|uint64(len(body)))) + body
}

// handmadeWebM is a film of one cluster. Unknown lengths are as browsers write them.
func handmadeWebM(unknown bool, docType string, trackType string) []byte {
	cluster := ebml(0xe7, "\x01\x00") + ebml(0xa3, "\x81\x00\x40\x80frame") + ebml(0xa0, ebml(0xa1, "\x81\x01\x00\x00frame"), ebml(0x9b, "\x14"))
	segment := ebml(0x1549a966, ebml(0x2ad7b1, "\x0f\x42\x40"), ebml(0x7ba9, "secret title"), ebml(0x4d80, "muxer")) +
		ebml(0x1654ae6b, ebml(0xae, ebml(0x83, trackType), ebml(0x536e, "secret"), ebml(0xe0, ebml(0xb0, "\x60"), ebml(0xba, "\x40"))))
	tags := ebml(0x1254c367, secret) + ebml(0x1941a469, "secret") + ebml(0xec, "secret") + "\x42\x86\x80"
	out := ebml(0x1a45dfa3, ebml(0x4282, docType))
	if unknown {
		return []byte(out + "\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + segment + "\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff" + cluster + tags)
	}
	return []byte(out + ebml(0x18538067, segment, ebml(0x1f43b675, cluster), tags))
}
