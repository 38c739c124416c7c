// Package gateway is the door for clients: GET /v1/ws becomes a session, a session's frames become calls to chat, its
// neighbours and interview, and what happens there becomes pushes. PROTOCOL.md in the folder above is what it speaks.
//
//	client ══ WebSocket ══▶ reading ──▶ outbox ──▶ owner ──▶ handlers ──▶ chat.Service, interview.Service, Domains
//	   ▲                                  ▲  ▲       │
//	   ╚══════════════════════════════════╪══╪═══════╝
//	                                      │  └─ timer, answers
//	                                      └── Gateway.Run ◀── bus ◀── Hub ◀── the services (any node)
//
// A session has one owner at a time, and none while there is nothing to do ([role]): whoever leaves something for it, a
// message that was read, a push, the timer, an answer, becomes the owner or wakes one of the crew, which lends goroutines.
// The owner runs the handlers and is the only one who writes. Whatever others have for the client they put into the session's
// outbox, which is bounded in bytes: when it is full, entries of the log give way to one chat.dirty a conversation. Nobody ever
// waits for a slow client but its own owner, and that for ten seconds.
//
// What an idle session holds is therefore one goroutine with the smallest stack there is, waiting for the next byte, the
// WebSocket, and about a kilobyte of its own: a [meter] lends it buffers only while there is something in them, and counts what
// comes beside messages, which no limit by frames would see.
//
// Requests are answered in their order. Those of the table pipelined are begun while the answers before them are still due,
// so that many of one session meet in one commit; all others wait (pipeline.go).
//
// The push is a hint: the bus may lose everything. A session knows which seq it pushed last of each conversation, reads a
// gap from the log when it sees a jump, and compares with the heads at every ping, and at once when the bus says that hints
// were lost. So a client misses nothing that it could not find again. Who is here is asked anew in the same way: that somebody
// came or left is a hint to look, and every ping looks too (presence.go, typing.go).
//
// accept.go lets connections in, limits.go says how much of everything, opening.go has hello, welcome and resume, reader.go and
// meter.go the way in, owner.go and session.go the life, dispatch.go the table of handlers, outbox.go, push.go and writer.go
// the way out, hub.go and receive.go the bus, resync.go the look after it failed, revoke.go and drain.go the ways to end. The
// package decides nothing about who may do what: the services do, with the principal it hands them.
package gateway
