package chain

import (
	"errors"
	"slices"
)

// ErrProof says that a proof does not fit its tree.
var ErrProof = errors.New("chain: malformed proof")

// maxProof is the longest proof: that of a tree of 2^63 leaves.
const maxProof = 63

// Proof returns the hashes that lead from leaf i to the root of the leaves, from the bottom up (RFC 9162, 2.1.3.1). It
// panics when there is no such leaf.
func Proof(leaves []Hash, i int) []Hash {
	if i < 0 || i >= len(leaves) {
		panic("chain: proof of no leaf")
	}
	var path []Hash
	for len(leaves) > 1 {
		k := split(len(leaves))
		if i < k {
			path, leaves = append(path, Root(leaves[k:])), leaves[:k]
		} else {
			path, leaves, i = append(path, Root(leaves[:k])), leaves[k:], i-k
		}
	}
	slices.Reverse(path)
	return path
}

// Prove returns the root that a proof leads to from leaf i of a tree of so many leaves (RFC 9162, 2.1.3.2), or [ErrProof]
// where the proof is of another length than such a leaf's.
func Prove(leaf Hash, i, leaves uint64, proof []Hash) (Hash, error) {
	if i >= leaves || len(proof) > maxProof {
		return Hash{}, ErrProof
	}
	root, last := leaf, leaves-1
	for _, sibling := range proof {
		if last == 0 {
			return Hash{}, ErrProof
		}
		if i&1 == 1 || i == last {
			root = Node(sibling, root)
			for i&1 == 0 && i != 0 {
				i, last = i>>1, last>>1
			}
		} else {
			root = Node(root, sibling)
		}
		i, last = i>>1, last>>1
	}
	if last != 0 {
		return Hash{}, ErrProof
	}
	return root, nil
}
