// Package udp is the socket of one worker of the SFU: a net.PacketConn that Pion's UDP mux reads and writes by
// netip.AddrPort, without an allocation for each datagram.
//
// Reading drops what can't be STUN, DTLS, RTP or RTCP by its first bytes (RFC 7983) before anybody looks at it, and
// counts it: a flood of garbage costs its sender's datagrams a look at 20 bytes each and nobody else anything. It
// never gives up on a passing error of the socket.
//
// Writing gathers RTP, where the system can cut one buffer into datagrams itself (UDP_SEGMENT, Linux):
//
//	WriteToAddrPort(a, 954) ┐
//	WriteToAddrPort(a, 954) ├ one lane ── Lane.Flush ──▶ sendmsg(a, 3,062 bytes, UDP_SEGMENT 954)
//	WriteToAddrPort(a, 954) │
//	WriteToAddrPort(a, 200) ┘ a shorter one may be the last
//
// So whoever writes RTP calls [Lane.Flush] (or [Conn.Flush], for all lanes) after it: until then it may not have been
// sent. STUN, DTLS and RTCP are never held back, nor do they overtake what was written to the same destination before.
// A socket whose system, device or route refuses segments sends each datagram at once, for good, as do other systems
// and virtual networks.
//
// It is not a mux: which peer a datagram belongs to is decided by ice.UDPMuxDefault.
package udp
