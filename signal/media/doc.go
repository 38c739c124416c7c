// Package media is what the SFU, the recorder and later the SIP agent hand each other: packets, sender reports and
// events of one participant's tracks, by [Sink] and [Source].
//
//	SFU ── Packet, Report, Event ──> Sink      SFU <── RequestKeyFrame ── Sink's owner (Source)
//
// What a Sink may rely on, for each track:
//   - TrackStarted comes first, TrackEnded last; nothing of the track follows it.
//   - A packet comes once, as it arrived: not in order of its sequence number, and before anybody else gets it.
//   - Packet.RTP holds the publisher's own numbers, SSRC and payload type, also of a packet that was repaired by RTX.
//   - Extended sequence numbers count the track's first packet as its 16-bit number and go up by 65,536 with each wrap;
//     when a sender begins anew within a track they go on in a later cycle. Gap speaks of them.
//   - A Gap says that nobody waits any longer for what is missing. Should it come after all, it is still handed on.
//   - Between tracks nothing is ordered, and their calls may overlap.
//
// What a Source may rely on: a Sink never blocks, keeps nothing it is given, and calls RequestKeyFrame also from within
// its own methods.
//
// It is vocabulary only: no goroutines, no network, nothing that stores.
package media
