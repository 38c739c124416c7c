// Package interview runs video interviews: who is invited, who has agreed to be recorded, who sits in the room, and when
// it is over.
//
// # Shape
//
//	Service ── enter(id) ──► session      one owner goroutine for each interview that something happens to
//	   │                        ├─ Interview   what is kept: state, participants, consents (Store)
//	   │                        ├─ seats       who is in, by which connection, with which peer (Rooms)
//	   │                        └─ lanes       each participant's way into the recording (Recorder)
//	   └─ Run     brings back what was live, sweeps what expired, seals on the way out
//
// An interview is open, then live, then ended:
//
//	open ── all present ──► live ── hang-up, withdrawal, revocation, failed recording, nobody left ──► ended
//	  └──── declined, withdrawn, hang-up, 24 h ───────────────────────────────────────────────────────────┘
//
// Callers send requests to the owner and wait. What must not wait (a withdrawal, a revocation, news from the SFU) is
// left in a mailbox whose size is bounded by the participants, and the owner is woken.
//
// # Which node
//
// One node owns an interview, by a lease with an epoch (Leases). An owner loads its interview only with a lease, claims it in
// the store with the epoch, and saves under it: once another node has claimed it with a higher one, the former owner's
// saves are refused. An owner that learns that its lease is lost cuts the media at once and forgets the interview. While
// the database is away nothing is known to be lost, and interviews go on. What only the owner can do is refused by the
// others with [*cluster.Elsewhere]; the subfolder remote follows that.
//
// # Order of effects
//
// The audit entry first, then the effect (A3). No peer is made before its participant has agreed to the notice in force
// (E2, R6) and before the recording is durable. Ending cuts the media first and keeps the books afterwards: whatever
// the database does, nothing is forwarded or journalled once an interview is to end.
//
// # What it is not
//
// It forwards no packet (sfu), writes no journal (recording), and keeps no consent (privacy): it decides when they may.
// Its push to clients is a hint; what a client shows comes from [Service.View].
package interview
