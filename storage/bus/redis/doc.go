// Package redis is the bus between nodes, through Redis.
//
//	Send, Tell ─▶ out ─▶ sender ── who is where? ─▶ registry      parley:user:<name>  {node: until}
//	                       └────── PUBLISH ───────▶ channel       parley:node:<node>
//	                                                   │
//	Receive ◀─ in ◀─ reader ◀───── SUBSCRIBE ──────────┘
//	Attach, Detach ─▶ attached ─▶ registrar ─▶ registry
//
// A node has one channel, so that coming back to Redis is one SUBSCRIBE, and a reader of its own, which never waits for
// whom it reads for. Which of the node's users a message is for is looked up on the node itself, as is who of the node's own
// users is reached: that needs no Redis. The registry says only to which other nodes a message goes. It is written behind
// and is worth nothing: the node can write it again at any time from what it has.
//
// Every few seconds a node publishes a probe to its own channel and looks whether the registry is still the one it wrote to.
// Two probes that do not come back end the link: a new client is made, the channel subscribed, all users of the node
// registered, and the receiver told to compare with the log ([bus.Message.Resync]). Nothing that was up is trusted after
// that, so it does not matter whether Redis was restarted, emptied, failed over or only unreachable. Nobody waits meanwhile:
// what is sent is kept up to a bound in bytes, then the oldest is dropped, counted, and the other nodes are told to compare
// with the log once they can be reached.
//
// Redis sees neither who is connected nor what is sent: users have names made by a keyed hash, and what is published is
// sealed (A4). Who can write to Redis can lose messages or repeat them, which the bus may do anyway, but not make any.
//
// Who is online anywhere is asked of the same registry (online.go), so it is as old as what was written there.
//
// link.go and receive.go have the life of a connection, send.go and register.go what uses it, attached.go and queue.go what
// is kept on the node, envelope.go and seal.go the form of messages, url.go where Redis is.
package redis
