package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// TreesFile is the list of signed trees, as a witness keeps it: a run of all trees over all conversations.
const TreesFile = "trees.jsonl"

// VerifyTrees checks a list of trees: numbered without a hole, each after the one before, signed. Without keys no signature
// is checked. Each receipt must be of a tree in the list, when the list reaches that far back; one whose tree is beyond the end shows
// that trees are missing (E6).
func VerifyTrees(fsys fs.FS, pubs []ed25519.PublicKey, receipts ...Receipt) (*TreesReport, error) {
	sizes, err := list(fsys)
	if err != nil {
		return nil, err
	}
	v := &treeList{pubs: pubs, report: &TreesReport{OwnKey: len(pubs) == 0, Receipts: len(receipts)}}
	v.trees = links{file: TreesFile, find: v.report.find}
	if err := v.trees.read(fsys, v.add); err != nil {
		return nil, err
	}
	for name, size := range sizes {
		if name != TreesFile {
			v.report.find(Finding{File: name, To: size, Class: Added, Detail: "a list of trees has no such file"})
		}
	}
	v.check()
	for _, r := range receipts {
		v.checkReceipt(r)
	}
	return v.report, nil
}

// treeList is one verification.
type treeList struct {
	pubs   []ed25519.PublicKey
	report *TreesReport
	trees  links
	bad    []int // lines whose signature is not theirs
	wrong  []int // lines signed by a key that was not given
}

func (v *treeList) add(i int, line []byte, l *link) error {
	t, err := ParseTree(line)
	if err != nil {
		return err
	}
	l.n, l.prev, l.hash, l.micros = t.Number, t.Prev, t.Hash(), t.Time.UnixMicro()
	if v.report.From == 0 {
		v.report.From, v.report.First = t.Number, t.Time
		v.trees.first = t.Number - uint64(i)
	}
	v.report.To, v.report.Last = t.Number, t.Time
	if !slices.Contains(v.report.Keys, t.Key) && len(v.report.Keys) < maxFindings {
		v.report.Keys = append(v.report.Keys, t.Key)
	}
	if len(v.pubs) == 0 {
		return nil
	}
	switch err := t.Verify(keyOf(v.pubs, t.Key)); {
	case err == nil:
	case keyOf(v.pubs, t.Key) == nil, errors.Is(err, ErrWrongKey):
		v.wrong = append(v.wrong, i)
	default:
		v.bad = append(v.bad, i)
	}
	return nil
}

func (v *treeList) check() {
	if len(v.trees.lines) == 0 {
		v.trees.short("the file is empty")
		return
	}
	for _, i := range v.bad {
		v.trees.blame(i, Altered, "the signature is not of this tree")
	}
	for _, i := range v.wrong {
		v.trees.blame(i, WrongKey, "signed by a key that is not among those that were given")
	}
	var start Hash
	if first := v.trees.lines[0]; first.n > 1 {
		start = first.prev // what came before is not at hand
	}
	v.trees.check(start, Hash{})
	for i := 1; i < len(v.trees.lines) && !v.trees.broken; i++ {
		if v.trees.lines[i].micros < v.trees.lines[i-1].micros {
			v.trees.blame(i, Altered, "the tree is earlier than the one before")
		}
	}
}

// checkReceipt holds a participant's receipt against the list.
func (v *treeList) checkReceipt(r Receipt) {
	if len(v.pubs) > 0 && !validReceipt(r, v.pubs, v.report.find) {
		return
	}
	tree := r.Signed()
	i, ok := v.trees.at(r.Tree)
	switch {
	case r.Tree < v.trees.first: // older than the list
	case !ok:
		v.trees.short(fmt.Sprintf("the receipt is of tree %d, the list ends with %d", r.Tree, v.report.To))
	case v.trees.lines[i].hash != tree.Hash():
		v.trees.blame(i, HeadMismatch, fmt.Sprintf("tree %d is not the one of the receipt", r.Tree))
	}
}
