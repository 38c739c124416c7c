package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// check holds the three files against each other: the signature proves the tree, the tree the last seal, that one the seals
// before it, and these the entries.
func (v *transcript) check() {
	_, entries := v.sizes[EntriesFile]
	_, seals := v.sizes[SealsFile]
	signed := v.tree != nil && v.checkSignature()
	var head Hash
	if n := len(v.seals.lines); n > 0 && v.seals.lines[n-1].good {
		head = v.sealed[n-1].Head
	}
	if entries {
		v.entries.check(Hash{}, head)
		v.checkFirst()
	}
	if !seals {
		return
	}
	proven, end := v.prove()
	v.seals.check(Hash{}, end)
	v.checkOrder()
	if !proven {
		v.blameProof(signed)
	}
	v.trust(proven)
	if entries && !v.entries.broken {
		v.checkSealed()
	}
	v.findLate()
}

func (v *transcript) checkFirst() {
	if len(v.entries.lines) == 0 {
		v.entries.short("the file is empty")
	}
}

// checkSignature holds the tree against its key.
func (v *transcript) checkSignature() bool {
	own := ed25519.PublicKey(v.tree.PublicKey)
	pub := keyOf(v.pubs, v.tree.Key)
	if len(v.pubs) == 0 {
		pub = own
	}
	switch err := v.tree.Verify(pub); {
	case pub == nil, errors.Is(err, ErrWrongKey):
		v.blameTree(WrongKey, "signed by key "+string(v.tree.Key)+", which is not among the keys that were given")
	case err != nil:
		v.blameTree(Altered, "the signature is not of this tree")
	case !own.Equal(pub):
		v.blameTree(WrongKey, "the bundle carries another public key than the one that signed")
	default:
		return true
	}
	return false
}

// keyOf is the key of that id, or nil.
func keyOf(pubs []ed25519.PublicKey, id KeyID) ed25519.PublicKey {
	for _, k := range pubs {
		if PublicKeyID(k) == id {
			return k
		}
	}
	return nil
}

// checkOrder finds seals that could not have been made in this order.
func (v *transcript) checkOrder() {
	for i, s := range v.sealed {
		if !v.seals.lines[i].good {
			continue
		}
		if s.Conversation != v.report.Conversation && v.report.Conversation != "" {
			v.seals.blame(i, Altered, "the seal is of another conversation")
		}
		if i == 0 || !v.seals.lines[i-1].good || v.seals.broken {
			continue
		}
		if p := v.sealed[i-1]; s.Entries <= p.Entries || s.Tree <= p.Tree || s.Time.Before(p.Time) {
			v.seals.blame(i, Altered, "the seal does not come after the one before")
		}
	}
}

// prove says whether the tree holds the last seal, and the leaf of that.
func (v *transcript) prove() (bool, Hash) {
	n := len(v.sealed)
	if n == 0 || v.tree == nil || !v.seals.lines[n-1].good {
		return false, Hash{}
	}
	s, t := v.sealed[n-1], v.tree
	if holds(s, t.Root, t.Leaf, t.Leaves, t.Proof) != nil || s.Tree != t.Number || !s.Time.Equal(t.Time) {
		return false, Hash{}
	}
	return true, v.seals.lines[n-1].hash
}

// blameProof says why the tree does not hold the last seal. Everything that the seal says stands elsewhere too: if all of that
// fits, it is the proof that is wrong.
func (v *transcript) blameProof(signed bool) {
	n := len(v.sealed)
	if n == 0 {
		v.seals.short("there is no seal")
		return
	}
	if v.tree == nil || !signed || v.seals.broken || !v.seals.lines[n-1].good { // named already
		return
	}
	s, t := v.sealed[n-1], v.tree
	switch {
	case s.Tree < t.Number && v.fits(s):
		v.seals.short(fmt.Sprintf("the signed tree %d holds a later seal", t.Number))
	case s.Tree == t.Number && s.Time.Equal(t.Time) && v.fits(s):
		v.blameTree(Altered, "the proof does not lead from the last seal to the root")
	default:
		v.seals.blame(n-1, HeadMismatch, "the signed tree does not hold this seal")
	}
}

// fits says whether the entries hash to what the seal says.
func (v *transcript) fits(s Seal) bool {
	i, ok := v.entries.at(s.Entries)
	return ok && v.entries.lines[i].hash == s.Head && s.Conversation == v.report.Conversation
}

// trust finds from which seal on all are linked to the one that the tree holds.
func (v *transcript) trust(proven bool) {
	v.trusted = len(v.sealed)
	if !proven {
		return
	}
	for v.trusted--; v.trusted > 0; v.trusted-- {
		before, line := v.seals.lines[v.trusted-1], v.seals.lines[v.trusted]
		if !before.good || line.prev != before.hash {
			return
		}
	}
}

// checkSealed holds entries whose own links are whole against the seals that are what was signed.
func (v *transcript) checkSealed() {
	first := 0 // line of the entries that the seal covers
	for i := v.trusted; i < len(v.sealed); i++ {
		s := v.sealed[i]
		last, ok := v.entries.at(s.Entries)
		if !ok {
			v.entries.short(fmt.Sprintf("seal %d covers %d entries, there are %d", s.Seal, s.Entries, v.entries.count()))
			return
		}
		if v.entries.lines[last].hash != s.Head {
			v.entries.blameRange(first, last, Altered, fmt.Sprintf("the lines up to entry %d are not those of seal %d", s.Entries, s.Seal))
			return
		}
		first = last + 1
	}
	if n := len(v.entries.lines); first < n && v.trusted < len(v.sealed) {
		v.entries.blameRange(first, n-1, Added, "entries after the last seal")
	}
	if n := len(v.sealed); n > 0 && v.seals.lines[n-1].good {
		v.report.Head = v.sealed[n-1].Head
	}
}

// count is how many entries there are beside the founding.
func (l *links) count() int { return max(0, len(l.lines)-1) }

// findLate lists the seals that came late. What they cover was committed to only then.
func (v *transcript) findLate() {
	covered := uint64(0)
	for i, s := range v.sealed {
		if !v.seals.lines[i].good {
			continue
		}
		at, ok := v.entries.at(covered + 1)
		if ok && v.entries.lines[at].good && len(v.report.Late) < maxFindings {
			oldest := time.UnixMicro(v.entries.lines[at].micros).UTC()
			if d := s.Time.Sub(oldest); d > Prompt {
				v.report.Late = append(v.report.Late, LateSeal{Seal: s.Seal, From: covered + 1, To: s.Entries, Oldest: oldest, Seconds: int64(d / time.Second)})
			}
		}
		covered = s.Entries
	}
}
