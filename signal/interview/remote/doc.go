// Package remote lets every node serve every interview: what only the owner can do is called on the node that owns it.
//
// # Shape
//
//	gateway, admin ──► Router ──┬─► interview.Service of this node, when it owns the interview or nobody does
//	                            └─► cluster.Call, cluster.Stream ──► Router of the owner ──► its interview.Service
//
// A seat is one stream, from the node of its connection to the owner's: first the answer to Join or Resume, then the frames
// for the client in their order, then why the seat was lost, or that it is over. When the stream breaks, the owner holds the
// seat as for any lost connection, and the client is told to join again. A gateway that does not keep up never holds up the
// owner: what waits for it is bounded in bytes, and then the stream is cut.
//
// # What it trusts
//
// A principal travels as it was verified by the node that its connection is on: nodes trust each other. Whether it may do
// what it asks is decided where it is done, by the same rules as for the owner's own clients.
//
// # What it is not
//
// It decides nothing about interviews and keeps nothing of them but which seats of this node are where.
package remote
