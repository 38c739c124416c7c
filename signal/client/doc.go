// Package client is a small Go client of the protocol parley.v1, for tests, bots and the load generator.
//
// A [Session] stays connected: it comes back after losses with growing, jittered delays, resumes where it was, and hands
// over each conversation's entries in order and without a gap. A [Call] is the media side of one interview: two peer
// connections by Pion, canned pictures and silence to publish, counters for what is received.
//
// It is no example of a user interface and keeps nothing on disk: what the caller wants to resume from after a restart
// is in [Session.Held].
package client
