// Package crowd is the talk in rooms of thousands, of a livestream above all: no membership, no cursors, no resuming. What is
// said between two beats of a room goes out as one frame that is encoded once for everybody, and all of it is kept (E3).
//
//	Say ─ Allow ─ room open? muted? too fast? ─ gates ─ seal ─▶ room ── each 150 ms ─▶ Store.Append (one transaction)
//	                                                             │ after the commit
//	                              acks ◀─────────────────────────┤
//	        ring of the last 50 ◀── what there is room for ◀─────┴─▶ Subscriber.Frame of all here, Tell to other nodes
//
// A frame shows at most [MaxShown] entries: hosts' and the system's first, then texts, then likes. What is not shown was
// accepted, is retained like the rest, and is counted in the frame. Nobody waits for a slow subscriber: frames are dropped for
// who has no room for them.
//
// A room has an owner goroutine on each node where somebody is in it; the store gives the seqs, so the nodes need not agree
// on anything else. What other nodes show comes over the bus, which may lose it: what is shown is a hint, the log is the truth.
//
// Package crowd decides nothing about who may go on air (signal/live) and is no transport (signal/gateway).
package crowd
