// Package udp is the socket of one worker of the SFU: a net.PacketConn that Pion's UDP mux reads and writes by
// netip.AddrPort, without an allocation for each datagram.
//
// Reading drops what can't be STUN, DTLS, RTP or RTCP by its first bytes (RFC 7983) before anybody looks at it, and
// counts it: a flood of garbage costs its sender's datagrams a look at 20 bytes each and nobody else anything. It
// never gives up on a passing error of the socket.
//
// Writing sends each datagram at once. Whoever writes a frame to one destination calls [Conn.Flush] after it: that is
// the moment up to which a segmenting socket (UDP_SEGMENT) may hold datagrams of one length for one destination back,
// to send them by one system call. Callers keep to it already, so that segmentation changes nothing but this package.
//
// It is not a mux: which peer a datagram belongs to is decided by ice.UDPMuxDefault.
package udp
