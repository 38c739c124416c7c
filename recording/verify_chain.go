package recording

import (
	"fmt"

	"parley/internal/chain"
	"parley/signal/wire"
)

// checkChain holds the manifest's lines against each other and against the head.
//
// What is sound: a manifest passes only if every line is canonical, numbered by its place, linked to the one before,
// the first is a start, the last is an end, and the last hash and the number of entries are the signed ones. How a
// break is called is a judgement: by whether the line that a link asks for is elsewhere, and by the numbers around.
func (v *verifier) checkChain() {
	if _, ok := v.sizes[manifestFile]; !ok {
		return
	}
	before := len(v.report.Findings)
	at := map[chain.Hash]int{}
	for i, l := range v.lines {
		if l.good {
			at[l.hash] = i
		}
	}
	for i := range v.lines {
		v.checkLine(i, at)
	}
	v.checkEnds()
	v.checkHead(len(v.report.Findings) > before)
	v.report.Entries = uint64(len(v.lines))
}

// checkLine checks one line and its link back.
func (v *verifier) checkLine(i int, at map[chain.Hash]int) {
	l := v.lines[i]
	if !l.good {
		v.blame(i, Altered, "not an entry in its one form")
		return
	}
	var want chain.Hash
	if i > 0 {
		if !v.lines[i-1].good {
			return // the break is the line before
		}
		want = v.lines[i-1].hash
	}
	if l.Prev == want && l.Seq == uint64(i) {
		return
	}
	if l.Prev == want {
		if v.shifted(i) {
			return
		}
		v.blame(i, Altered, fmt.Sprintf("numbered %d at place %d", l.Seq, i))
		return
	}
	v.classify(i, at)
}

// shifted says that the numbers only go on from a break before.
func (v *verifier) shifted(i int) bool { return i > 0 && v.lines[i].Seq == v.lines[i-1].Seq+1 }

// classify names the break between line i-1 and line i.
func (v *verifier) classify(i int, at map[chain.Hash]int) {
	l := v.lines[i]
	if j, ok := at[l.Prev]; ok && j != i {
		if j > i || l.Seq < uint64(i) && v.lines[i-1].Seq >= l.Seq && v.known(i-1, at) {
			v.blame(i, Reordered, fmt.Sprintf("entry %d stands at place %d", l.Seq, i))
			return
		}
		v.blame(i-1, Added, "an entry that the next one does not follow")
		return
	}
	next := uint64(0)
	if i > 0 {
		next = v.lines[i-1].Seq + 1
	}
	switch {
	case l.Seq > next:
		v.report.find(Finding{File: manifestFile, From: l.from, To: l.from, Class: Removed,
			Detail: fmt.Sprintf("entries %d to %d are missing before this place", next, l.Seq-1)})
	case l.Seq < next && i > 0:
		v.blame(i, Reordered, fmt.Sprintf("entry %d stands at place %d", l.Seq, i))
	case i == 0 || !v.follows(i):
		v.blame(i, Altered, "its link to the entry before is not that entry's hash")
	default:
		v.blame(i-1, Altered, fmt.Sprintf("entry %d is not what entry %d was linked to", v.lines[i-1].Seq, l.Seq))
	}
}

// known says that some line links to line i, so that it belongs to the chain.
func (v *verifier) known(i int, _ map[chain.Hash]int) bool {
	for _, l := range v.lines {
		if l.good && l.Prev == v.lines[i].hash {
			return true
		}
	}
	return v.head != nil && v.head.Head == v.lines[i].hash.String()
}

// follows says that what comes after line i is linked to it as it is now.
func (v *verifier) follows(i int) bool {
	if i+1 < len(v.lines) {
		return v.lines[i+1].good && v.lines[i+1].Prev == v.lines[i].hash
	}
	return v.head != nil && v.head.Head == v.lines[i].hash.String()
}

func (v *verifier) blame(i int, c Class, detail string) {
	v.report.find(Finding{File: manifestFile, From: v.lines[i].from, To: v.lines[i].to, Class: c, Detail: detail})
}

// checkEnds checks that the manifest begins and ends as one does.
func (v *verifier) checkEnds() {
	n := len(v.lines)
	for i, l := range v.lines {
		switch {
		case !l.good:
		case i == 0 && l.Kind != EntryStart:
			v.blame(i, Removed, "the first entry is not a start")
		case i > 0 && l.Kind == EntryStart:
			v.blame(i, Added, "a second start")
		case i < n-1 && l.Kind == EntryEnd:
			v.blame(i+1, Added, "an entry after the end")
		}
	}
	switch {
	case n > 0 && (!v.lines[n-1].good || v.lines[n-1].Kind == EntryEnd):
	case n > 0 && v.head != nil && uint64(n) >= v.head.Entries:
		v.blame(n-1, Altered, "the last entry is not an end")
	default:
		v.truncated("the manifest has no end")
	}
}

func (v *verifier) truncated(detail string) {
	size := v.sizes[manifestFile]
	v.report.find(Finding{File: manifestFile, From: size, To: size, Class: Truncated, Detail: detail})
}

// checkHead holds the last entry against the signed head. broken says that a cause was named already.
func (v *verifier) checkHead(broken bool) {
	if v.head == nil || len(v.lines) == 0 {
		return
	}
	if v.report.Recording != "" && v.head.Recording != string(v.report.Recording) {
		v.report.find(Finding{File: headFile, To: v.sizes[headFile], Class: HeadMismatch, Detail: "the head is of another recording"})
	}
	n, last := uint64(len(v.lines)), v.lines[len(v.lines)-1]
	if broken || n == v.head.Entries && last.hash.String() == v.head.Head {
		return
	}
	switch {
	case n < v.head.Entries:
		v.truncated(fmt.Sprintf("%d entries, signed were %d", n, v.head.Entries))
	case n > v.head.Entries:
		v.blame(int(v.head.Entries), Added, fmt.Sprintf("%d entries, signed were %d", n, v.head.Entries))
	default:
		v.blame(int(n-1), HeadMismatch, "the last entry is not the signed one")
	}
}

// checkReceipt holds a head from outside against the manifest.
func (v *verifier) checkReceipt(r wire.ReceiptHead) {
	f := Finding{File: manifestFile, To: v.sizes[manifestFile], Class: HeadMismatch}
	n := uint64(len(v.lines))
	switch {
	case r.Recording != string(v.report.Recording):
		f.Detail = "the receipt is of another recording"
	case VerifyHead(v.pub, r) != nil:
		f.Class, f.Detail = WrongKey, "the receipt is not signed by this key"
	case v.end != nil && v.end.Lost != nil && v.end.Lost.Head == r.Head && v.end.Lost.Entries == r.Entries:
		f.From, f.Class = f.To, Truncated
		f.Detail = fmt.Sprintf("the receipt covers %d entries that were lost with their node; the end says so", r.Entries)
	case r.Entries == 0 || r.Entries > n:
		f.From, f.Class = f.To, Truncated
		f.Detail = fmt.Sprintf("the receipt covers %d entries, there are %d", r.Entries, n)
	case v.lines[r.Entries-1].hash.String() != r.Head:
		f.Detail = fmt.Sprintf("entry %d is not the one in the receipt", r.Entries-1)
	default:
		return
	}
	v.report.find(f)
}
