// Package sealer makes evidence of conversations (E1, E6): it follows the logs, off the path on which messages are sent, and
// signs what they are.
//
//	hub ─▶ what changed ─▶ every 2 s: read rows after the last seal ─▶ chain them ─▶ one seal a conversation
//	                                                                                  │ leaves of a tree
//	                                          CAS: seals and tree in one transaction ◀┴─ root, signed, after the tree before
//
// Each entry's ciphertext is a link of its conversation's chain; a seal says how long that chain is and where it ends; a tree
// holds the seals of many conversations and is signed; trees of all nodes are one chain. internal/chain has the arithmetic and
// says in TRANSCRIPT.md what it proves. Hashes are over ciphertext, so that erasing a sender's key breaks nothing.
//
// Any node may seal any conversation. Two that try at once meet at the store, where one of them wins and the other looks again.
// The hub is a hint: what it did not tell, because a node died or dropped it, is found when a node starts and every ten
// minutes. A log is sealed in its order and never across a hole.
//
// A [Sealer] gives members receipts of the last seal and writes bundles for parley-verify. It reads no body, holds no key of a
// conversation and decides nothing about who may see what, but for receipts, which are a member's.
package sealer
