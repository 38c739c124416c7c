// Package rtpcache keeps the last packets of one layer of a track, to answer every subscriber's NACKs (RFC 4585, 6.2.1)
// from one copy. It is a ring of fixed size addressed by extended sequence number: storing is one copy and no search,
// and a packet that is gone is simply not found.
//
// It is not a jitter buffer: it orders nothing and waits for nothing.
package rtpcache
