// Package server wires a whole node from a [Config], bottom floor first: keys, objects, database, bus, audit, chat and
// the domains around it (talk.go), recording, consent ledger, SFU, interviews, gateway, API, pages. It holds no rule of
// its own.
//
// Shape: [New] allocates, [Server.Open] opens what is stored, recovers what a crash left and listens, [Server.Run]
// serves until its context ends and then stops in order: doors closed, rooms leave, recordings sealed, bus, database,
// keys, with one hard deadline. parts.go keeps that order; one small file each for TLS, listeners and the HTTP doors.
package server
