package chain

import (
	"fmt"
	"testing"
)

func TestProofsLeadToTheRootAndNowhereElse(t *testing.T) {
	for n := 1; n <= 40; n++ {
		leaves := make([]Hash, n)
		for i := range leaves {
			leaves[i] = Leaf(fmt.Append(nil, n, i))
		}
		root := Root(leaves)
		for i, leaf := range leaves {
			proof := Proof(leaves, i)
			if got, err := Prove(leaf, uint64(i), uint64(n), proof); err != nil || got != root {
				t.Fatalf("leaf %d of %d: %v, %v", i, n, got, err)
			}
			for j := range n {
				if got, err := Prove(leaf, uint64(j), uint64(n), proof); j != i && err == nil && got == root {
					t.Fatalf("leaf %d of %d passes for leaf %d", i, n, j)
				}
			}
			if _, err := Prove(leaf, uint64(i), uint64(n), append(proof, Hash{})); err == nil {
				t.Fatalf("a longer proof of leaf %d of %d is taken", i, n)
			}
			if n > 1 {
				if _, err := Prove(leaf, uint64(i), uint64(n), proof[:len(proof)-1]); err == nil {
					t.Fatalf("a shorter proof of leaf %d of %d is taken", i, n)
				}
			}
		}
		if _, err := Prove(leaves[0], uint64(n), uint64(n), nil); err == nil {
			t.Error("a leaf beyond the tree is taken")
		}
	}
}
