// Package sfu forwards media between the participants of a room, and hands each packet to its publisher's sink first.
//
//	SFU ── worker (one UDP socket) ── Room (one goroutine owns its state)
//	                                   └─ Peer ── "pub": the client offers, tracks come in
//	                                           └─ "sub": the server offers, slots go out
//
// A packet's way does not lead through the room's goroutine:
//
//	socket → ICE mux → DTLS-SRTP → intake (one queue an SSRC; TWCC; RTX)
//	      → track: drop repeats → sink → cache → frame ─▶ slot of each subscriber → lane of the socket
//
// Each published track has one goroutine that reads it, retransmissions included. It, the reader of sender reports,
// repair and the end take the track's lock, so a sink sees one call at a time for each track, each packet once, and
// nothing after TrackEnded. A subscriber has one slot for each (peer, label): when a publisher comes back, the slot goes on with the
// new track without a jump in its numbers and without negotiation.
//
// Pictures leave whole: packets of one picture are held until its last one, for a millisecond at most, and are then
// written subscriber by subscriber, so that they cost one system call each (package udp). Those of nearly one length are
// padded to one. Sound and repaired packets are never held. Whatever the publisher spreads over more than a millisecond,
// such as a large key frame, leaves as spread as it came.
//
// Repair: gaps of a publisher are asked for again by NACK until they are [giveUp] old, then they are a media.Gap and, for
// video, a request for a key frame. NACKs of subscribers are answered from one cache a track, by RTX where it was
// negotiated. Congestion towards the publisher is reported by transport-wide feedback.
//
// It knows nothing of interviews, consent, users or storage: who may publish what is told to it by [Publish], and what
// is done with packets is up to the sink. It transcodes nothing. Simulcast, layers and bandwidth estimation towards
// subscribers are not in it yet: an offer of simulcast is refused.
package sfu
