// Package grant is for addresses that are their own permission, since no token may stand in a URL: a random word of 130 bits
// that stands for one principal and one side of one recording, or one attachment, on every node.
//
//	Give ── word ──► page ── GET …/word ──► Use on any node ──► Seat
//
// Shape: [Grants] over a [Store], which keeps a row for each grant by its own clock; the row holds a hash of the word, a keyed
// hash of the person, and the [Seat] sealed. Each node remembers for [Fresh] what the store said.
//
// A revocation is looked up where revocations are kept, not written to the grants (T7): whatever a node remembers, it asks
// again within [Fresh], and at once after [Grants.Drop]. Without an answer of store or vault nothing is granted.
//
// It decides nothing: who may see what is asked before a grant is given.
package grant
