//go:build !linux

package udp

import "net"

// Segments are Linux's; elsewhere each datagram is sent by itself.
func canSegment(*net.UDPConn) bool { return false }

func appendSegment(b []byte, _ int) []byte { return b }

func refused(error) bool { return true }

func ofRoute(error) bool { return false }
