// Package recording keeps what was said and shown as evidence: an encrypted, append-only journal of RTP for each
// participant, a manifest that commits to the journals' ciphertext, and a signed head that a third party can check
// without any key (E2, E6, E7). FORMAT.md describes every byte.
//
// # Shape
//
//	Recorder ── Start ──► Recording ── Sink(user) ──► sink ──► journal file      one writer goroutine each
//	   │                      └───────────────────────────────► manifest file    one goroutine a recording
//	   ├─ Recover   what a kill left is cut, closed and sealed by the code that Stop runs
//	   ├─ Run       shipper: what became durable goes to the bucket as a part, every 3 s
//	   │            uploads: sealed recordings go there as a whole, then parts and local files go
//	   │            tails: what this node had beyond what another one adopted is handed in
//	   │            adopter: recordings of dead nodes are put together from their parts and sealed by the code of Recover
//	   └─ List · Derive · Export      what participants may see and take along
//	Verify          from bytes and a public key alone
//
// A sink copies each packet into a bounded buffer and never blocks. The writer seals the buffer into one
// authenticated block at most every 100 ms and syncs it every 200 ms; nothing is ever on disk in clear. Playable files
// are derived from the journal when someone may see them (package mux), never the other way round.
//
// A recording has one owner, its row's node under its row's epoch. Adoption moves the epoch, and what an older one writes
// is refused; the former owner's sinks fail, and nothing is ever appended to a journal by another process.
//
// # What it is not
//
// It transcodes nothing, decides nothing about who may see a recording (identity, audit and the doors do), and knows
// no SQL: [Store] and the object bucket are given to it. Retention and erasure act from outside by destroying keys.
package recording
