// Package seqmap is the arithmetic of RTP numbers: [Window] turns a track's 16-bit sequence numbers into extended ones
// and tells repeats from news; [Map] renumbers the packets of one source after another into a single stream without a
// jump, for a subscriber whose source changes.
//
// It is pure: no clock, no locks, no packets. Callers serialise.
package seqmap
