package sfu

import "parley/signal/media"

// PeerEvent is something that happened to a peer: one struct per kind.
type PeerEvent interface{ peerEvent() }

type (
	// Connected says that media can flow on a connection of the peer, for the first time or again.
	Connected struct{}
	// Disconnected says that ICE lost the peer. The peer stays; it may come back by itself, by an ICE restart, or by
	// joining again.
	Disconnected struct{}
	// TrackUp says that the first packet of a track came.
	TrackUp struct{ Track media.Track }
	// TrackDown says that a track has ended while the peer stays.
	TrackDown struct{ Track media.Track }
	// Failed says that the peer can't go on as it is. It stays in the room until it leaves or joins again.
	Failed struct{ Reason Reason }
)

func (Connected) peerEvent()    {}
func (Disconnected) peerEvent() {}
func (TrackUp) peerEvent()      {}
func (TrackDown) peerEvent()    {}
func (Failed) peerEvent()       {}

// Reason says why a peer failed.
type Reason string

// Reasons of Failed.
const (
	// FailedConnection: ICE or DTLS gave up; an ICE restart or a new join may help.
	FailedConnection Reason = "connection"
	// FailedSink: the sink can't store any more; nothing of the peer is forwarded from then on.
	FailedSink Reason = "sink"
	// FailedNegotiation: the client answered an offer with something that can't be applied.
	FailedNegotiation Reason = "negotiation"
	// FailedLimit: the client sent more streams, or had more tracks, than one participant may.
	FailedLimit Reason = "limit"
)
