// Package signal is a map and never imported; its name would clash with os/signal. What lives here is everything between
// a client's socket and the domains:
//
//	PROTOCOL.md   the client protocol parley.v1, for whoever writes a client
//	wire/         its frames: encode, decode
//	gateway/      one WebSocket = reader + owner; dispatch; resume; pushes
//	client/       a small Go client of the protocol, for tests, bots and load
//	media/        what the SFU, the recorder and other sinks hand each other
//	sfu/          rooms, peers, tracks: forwards media
//	interview/    consent, seats and states of an interview over a room of the SFU
//
// Control goes client → gateway → interview → sfu; media goes client ⇄ sfu → recorder. Imports go down only: wire and
// media know nobody, sfu and client know them, interview knows sfu's interface, gateway knows interview and chat.
package signal
