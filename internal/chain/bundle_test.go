package chain

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"
)

// scroll is a transcript as a sealer would write it, with what participants kept of it.
type scroll struct {
	files    map[string][]byte
	receipts []Receipt // one a seal
	trees    []SignedTree
}

func signingKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(n byte) ed25519.PublicKey { return signingKey(n).Public().(ed25519.PublicKey) }

var dawn = time.Date(2026, 3, 9, 9, 30, 0, 0, time.UTC)

func entryAt(n uint64, prev Hash) Entry {
	sender := []string{"", "u-rob", "u-ann"}[n%3]
	return Entry{Seq: n, Prev: prev, Sender: sender, CID: fmt.Sprintf("0195794f-0000-7000-8000-%012d", n), Time: dawn.Add(time.Duration(n) * time.Second),
		Type: "text", Sealed: []byte{1, byte(n), 0xff, byte(n)}}
}

// newScroll writes a log of n entries that was sealed after each of the cuts; the last cut is n. Each tree holds a few other
// conversations, the i-th is signed by key keys[i], or the last of them.
func newScroll(t testing.TB, n uint64, cuts []uint64, keys ...byte) *scroll {
	t.Helper()
	return writeScroll(t, n, cuts, entryAt, keys...)
}

func writeScroll(t testing.TB, n uint64, cuts []uint64, entry func(uint64, Hash) Entry, keys ...byte) *scroll {
	t.Helper()
	s := &scroll{files: map[string][]byte{}}
	line, head, err := Founding{Format: TranscriptFormat, Conversation: "c-1", Opened: dawn, Members: []Person{{"u-rob", "recruiter"}, {"u-ann", "candidate"}}}.Encode()
	s.add(t, EntriesFile, line, err)
	var prev, before Hash
	for i := uint64(1); i <= n; i++ {
		line, next, err := entry(i, head).Encode()
		s.add(t, EntriesFile, line, err)
		head = next
		if len(cuts) > 0 && cuts[0] == i {
			cuts = cuts[1:]
			k := len(s.receipts)
			prev, before = s.seal(t, Seal{Conversation: "c-1", Seal: uint64(k + 1), Prev: prev, Entries: i, Head: head,
				Tree: uint64(k + 1), Time: dawn.Add(time.Duration(i)*time.Second + 2*time.Second)}, before, signingKey(keys[min(k, len(keys)-1)]))
		}
	}
	return s
}

func (s *scroll) add(t testing.TB, file string, line []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s.files[file] = append(append(s.files[file], line...), '\n')
}

// seal puts the seal into a tree of five leaves, and returns its leaf and the tree's hash.
func (s *scroll) seal(t testing.TB, one Seal, before Hash, key ed25519.PrivateKey) (leaf, tree Hash) {
	t.Helper()
	line, leaf, err := one.Encode()
	s.add(t, SealsFile, line, err)
	leaves := make([]Hash, 5)
	for i := range leaves {
		leaves[i] = Leaf([]byte{byte(i)})
	}
	place := one.Seal % 5
	leaves[place] = leaf
	p := ProvenTree{Leaf: place, Proof: Proof(leaves, int(place)), PublicKey: key.Public().(ed25519.PublicKey)}
	p.Tree = Tree{Number: one.Tree, Prev: before, Root: Root(leaves), Leaves: 5, Time: one.Time}
	sig, err := SignWith(key, p.Message())
	if err != nil {
		t.Fatal(err)
	}
	p.Key, p.Signature = sig.Key, sig.Bytes
	line, err = p.Encode()
	delete(s.files, TreeFile)
	s.add(t, TreeFile, line, err)
	line, err = p.SignedTree.Encode()
	s.add(t, TreesFile, line, err)
	s.trees = append(s.trees, p.SignedTree)
	s.receipts = append(s.receipts, NewReceipt(one, p))
	return leaf, p.Hash()
}

// bundle is the transcript's files, with some replaced; nil removes one.
func (s *scroll) bundle(replaced map[string][]byte) fs.FS {
	m := fstest.MapFS{}
	for _, name := range []string{EntriesFile, SealsFile, TreeFile} {
		m[name] = &fstest.MapFile{Data: s.files[name]}
	}
	for name, b := range replaced {
		if m[name] = (&fstest.MapFile{Data: b}); b == nil {
			delete(m, name)
		}
	}
	return m
}

func (s *scroll) list(b []byte) fs.FS { return fstest.MapFS{TreesFile: {Data: b}} }

func verify(t testing.TB, fsys fs.FS, pubs []ed25519.PublicKey, receipts ...Receipt) *Report {
	t.Helper()
	r, err := VerifyTranscript(fsys, pubs, receipts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantIntact(t testing.TB, what string, f []Finding) {
	t.Helper()
	if len(f) > 0 {
		t.Errorf("%s: found %+v", what, f)
	}
}

// lines cuts a file into its lines, each with its newline.
func lines(b []byte) [][]byte {
	all := bytes.SplitAfter(b, []byte("\n"))
	return all[:len(all)-1]
}
