package chain

import (
	"crypto/sha256"
	"math/bits"
)

// Prefixes of what is hashed.
const (
	leafPrefix = 0x00
	nodePrefix = 0x01
	linkPrefix = 0x02
)

// Leaf hashes one entry of a tree.
func Leaf(data []byte) Hash {
	d := sha256.New()
	d.Write([]byte{leafPrefix})
	d.Write(data)
	return Hash(d.Sum(nil))
}

// Node hashes two subtrees.
func Node(left, right Hash) Hash { return join(nodePrefix, left, right) }

// Next is the hash of a linear chain after one more entry: prev is the hash before it (zero before the first), entry
// the hash of the entry itself.
func Next(prev, entry Hash) Hash { return join(linkPrefix, prev, entry) }

func join(prefix byte, a, b Hash) Hash {
	var buf [1 + 2*sha256.Size]byte
	buf[0] = prefix
	copy(buf[1:], a[:])
	copy(buf[1+sha256.Size:], b[:])
	return sha256.Sum256(buf[:])
}

// Root is the Merkle tree hash over leaves that were hashed by [Leaf], in order. That of no leaf is the SHA-256 of
// nothing.
func Root(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return Node(Root(leaves[:k]), Root(leaves[k:]))
}

// split is the largest power of two below n, for n of 2 and more.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
