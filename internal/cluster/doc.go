// Package cluster lets several nodes share the work: which nodes there are, which of them owns a room, and how they call
// each other.
//
// # Shape
//
//	Cluster ── Run ──► beats     one row a node, by the database's clock; the answer names the rooms still held
//	   ├─ Acquire/Release        a lease: one row a room, with an epoch that only grows
//	   ├─ Lost, Died             what a beat found out
//	   └─ Call, Stream ──mTLS──► Handle, HandleStream on another node
//
// A lease belongs to an incarnation, which is one process of a node, and holds while that process beats. Whoever acquires a
// room gets it with an epoch one higher, if nobody living holds it. The lease alone keeps nobody from writing: each durable
// write of a room's owner carries the epoch, and the store refuses an older one than it has seen. So a node that can't
// reach the database for a while goes on with what needs no database, and learns with its first beat afterwards which
// rooms it has lost.
//
// # Trust
//
// Nodes trust each other: what one says about a user who acts through it is taken as it is. Each shows a certificate of the
// cluster's authority with the name [CertName]; nothing else reaches a method.
//
// # What it is not
//
// It elects nobody and replicates nothing: the database decides. Calls are made once; whoever makes them knows whether
// to repeat. Streams of calls are for wake-ups and signalling, not for media.
package cluster
