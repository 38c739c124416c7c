// Package wire is the vocabulary of the client protocol parley.v1: a struct for each kind of frame, and how frames
// become bytes and back. PROTOCOL.md in the folder above tells the same to someone who writes a client in another
// language; the examples there are this package's golden files.
//
// frame.go has the frame and the limits, kinds.go the table of all kinds, codec.go Encode, Decode and the splitting of
// batches, close.go the codes with which a connection ends. session.go, chat.go and interview.go have the bodies.
//
// It is pure: it opens nothing, knows no session and decides nothing about who may send what; the gateway does.
package wire
