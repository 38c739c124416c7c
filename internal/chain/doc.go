// Package chain has the arithmetic of evidence, shared by conversations, recordings and the audit log: hashes, linear
// chains, Merkle roots and signatures over heads.
//
//	linear chain   h(n) = SHA-256(0x02 ‖ h(n-1) ‖ SHA-256 of entry n),  h(0) = zero
//	Merkle tree    leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), shaped as in RFC 6962, 2.1
//	head           Ed25519 over a domain line and what the head says
//
// The prefixes 0, 1 and 2 keep a leaf, a node and a link from ever passing for one another. Hashes are always taken of
// ciphertext, so that destroying a key breaks no proof.
//
// It also has the format of a conversation's transcript ([Founding], [Entry], [Seal], [Tree], [Receipt], TRANSCRIPT.md) with its
// verifiers ([VerifyTranscript], [VerifyTrees]), which need nothing but bytes and public keys. The package stores nothing, reads no
// database and knows no other format: recordings have theirs in package recording.
package chain
