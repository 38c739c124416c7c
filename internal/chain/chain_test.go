package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// The test vectors of RFC 6962 as published with the reference implementation of Certificate Transparency.
func TestRootsMatchTheVectorsOfCertificateTransparency(t *testing.T) {
	data := []string{"", "\x00", "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43",
		"\x50\x51\x52\x53\x54\x55\x56\x57", "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"}
	want := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	leaves := make([]Hash, len(data))
	for i, d := range data {
		leaves[i] = Leaf([]byte(d))
	}
	for n := range want {
		if got := Root(leaves[:n]).String(); got != want[n] {
			t.Errorf("root of %d leaves is %s, want %s", n, got, want[n])
		}
	}
}

func TestRootsMatchAnotherImplementation(t *testing.T) {
	const most = 200
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	var leaves []Hash
	for n := range most {
		data := fmt.Append(nil, "entry ", n)
		leaves = append(leaves, Leaf(data))
		hashes, err := tlog.StoredHashes(int64(n), data, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		want, err := tlog.TreeHash(int64(n+1), read)
		if err != nil {
			t.Fatal(err)
		}
		if got := Root(leaves); got != Hash(want) {
			t.Fatalf("root of %d leaves differs", n+1)
		}
	}
}

func TestAnyChangeOfTheLeavesChangesTheRoot(t *testing.T) {
	for n := 1; n <= 20; n++ {
		leaves := make([]Hash, n)
		for i := range leaves {
			leaves[i] = Leaf(binary.BigEndian.AppendUint32(nil, uint32(i)))
		}
		root := Root(leaves)
		for i := range leaves {
			changed := append([]Hash(nil), leaves...)
			changed[i][31] ^= 1
			if Root(changed) == root {
				t.Errorf("%d leaves: leaf %d does not count", n, i)
			}
			if i > 0 {
				swapped := append([]Hash(nil), leaves...)
				swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
				if Root(swapped) == root {
					t.Errorf("%d leaves: the order of %d and %d does not count", n, i-1, i)
				}
			}
		}
		if Root(leaves[:n-1]) == root || Root(append(leaves, Hash{})) == root {
			t.Errorf("%d leaves: the number does not count", n)
		}
	}
}

func TestLeafNodeAndLinkNeverPassForOneAnother(t *testing.T) {
	a, b := Leaf([]byte("a")), Leaf([]byte("b"))
	both := append(append([]byte(nil), a[:]...), b[:]...)
	hashes := map[Hash]string{}
	for what, h := range map[string]Hash{
		"leaf": Leaf(both), "node": Node(a, b), "link": Next(a, b), "turned node": Node(b, a), "turned link": Next(b, a),
		"plain": sha256.Sum256(both),
	} {
		if other, taken := hashes[h]; taken {
			t.Errorf("%s and %s have one hash", what, other)
		}
		hashes[h] = what
	}
}

func TestNextIsWhatTheFormatSays(t *testing.T) {
	entry := Hash{1}
	want := sha256.Sum256(append(append([]byte{2}, make([]byte, 32)...), entry[:]...))
	if got := Next(Hash{}, entry); got != Hash(want) {
		t.Errorf("Next = %s, want %x", got, want)
	}
}

func TestHashesHaveOneSpelling(t *testing.T) {
	h := Leaf([]byte("x"))
	for _, test := range []struct {
		text string
		ok   bool
	}{
		{h.String(), true}, {strings.ToUpper(h.String()), false}, {h.String()[:62], false}, {h.String() + "00", false},
		{"", false}, {strings.Repeat("g", 64), false}, {" " + h.String()[1:], false},
	} {
		got, err := ParseHash(test.text)
		if (err == nil) != test.ok {
			t.Errorf("ParseHash(%q): %v, want ok %v", test.text, err, test.ok)
		}
		if test.ok && got != h {
			t.Errorf("ParseHash(%q) = %s", test.text, got)
		}
	}
	text, err := json.Marshal(h)
	var back Hash
	if err != nil || json.Unmarshal(text, &back) != nil || back != h {
		t.Errorf("JSON %s, %v reads as %s", text, err, back)
	}
}

func FuzzParseHashAndStringAreInverse(f *testing.F) {
	f.Add(strings.Repeat("0", 64))
	f.Add(Leaf(nil).String())
	f.Add("E3")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := ParseHash(s); err == nil && h.String() != s {
			t.Fatalf("%q reads as %s", s, h)
		}
	})
}
