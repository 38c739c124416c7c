package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canSegment asks the kernel whether it knows UDP_SEGMENT (since 4.18).
func canSegment(socket *net.UDPConn) bool {
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	known := false
	err = raw.Control(func(fd uintptr) {
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		known = err == nil
	})
	return err == nil && known
}

// appendSegment appends the control message that cuts what is sent into datagrams of size bytes (cmsg(3), udp(7)).
func appendSegment(b []byte, size int) []byte {
	const data = 2
	at, space := len(b), unix.CmsgSpace(data)
	for range space {
		b = append(b, 0)
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[at])) //nolint:gosec // the kernel's layout
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(data))
	binary.NativeEndian.PutUint16(b[at+unix.CmsgLen(0):], uint16(size)) //nolint:gosec // at most 64 KiB
	return b
}

// refused tells a kernel that won't cut from one that could not send: EINVAL when a segment does not fit the route, EIO
// when the device can't do checksums, the rest when the option is not known after all.
func refused(err error) bool {
	for _, e := range []error{unix.EINVAL, unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.ENOSYS, unix.EMSGSIZE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ofRoute says that a refusal may be one destination's only.
func ofRoute(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMSGSIZE) }
