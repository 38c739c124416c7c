// Package gateway is the door for clients: GET /v1/ws becomes a session, a session's frames become calls to chat and
// interview, and what happens there becomes pushes. PROTOCOL.md in the folder above is what it speaks.
//
//	client ══ WebSocket ══▶ reader ──▶ owner ──▶ handlers ──▶ chat.Service, interview.Service
//	   ▲                                 │ ▲
//	   ╚═════════════════════════════════╝ └── outbox ◀── Gateway.Run ◀── bus ◀── Hub ◀── chat, interview (any node)
//
// A session is two goroutines: the reader only reads; the owner runs the handlers and is the only one who writes. Whatever
// others have for the client they put into the session's outbox, which is bounded in bytes: when it is full, entries of the
// log give way to one chat.dirty a conversation. Nobody ever waits for a slow client but its own owner, and that for ten
// seconds.
//
// The push is a hint: the bus may lose everything. A session knows which seq it pushed last of each conversation, reads a
// gap from the log when it sees a jump, and compares with the heads at every ping, and at once when the bus says that hints
// were lost. So a client misses nothing that it could not find again.
//
// accept.go lets connections in, opening.go has hello, welcome and resume, session.go the owner's loop, outbox.go and push.go
// the way out, dispatch.go the table of handlers, hub.go and receive.go the bus, resync.go the look after it failed, revoke.go
// and drain.go the ways to end. The package
// decides nothing about who may do what: the services do, with the principal it hands them.
package gateway
