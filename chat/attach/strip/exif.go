package strip

import "encoding/binary"

// tagOrientation is the one field of EXIF that is heeded.
const tagOrientation = 0x0112

// orientation reads it out of the TIFF structure that EXIF is (CIPA DC-008, 4.6): 1 to 8, 1 when it is not there.
func orientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	fields := tiff[at+2:]
	for range min(int(order.Uint16(tiff[at:])), len(fields)/12) {
		f := fields[:12]
		fields = fields[12:]
		if order.Uint16(f) != tagOrientation || order.Uint16(f[2:]) != 3 {
			continue
		}
		if o := int(order.Uint16(f[8:])); o >= 1 && o <= 8 {
			return o
		}
	}
	return 1
}

// note is the TIFF structure that holds an orientation and nothing else.
func note(orientation int) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01")
	b = binary.BigEndian.AppendUint16(b, tagOrientation)
	b = append(b, 0, 3, 0, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(orientation))
	return append(b, 0, 0, 0, 0, 0, 0)
}

// turned exchanges width and height for a picture that is shown lying on its side.
func (f *Facts) turned() {
	if f.Orientation >= 5 {
		f.Width, f.Height = f.Height, f.Width
	}
}
