package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// checkReceipt holds a receipt from outside against the transcript: what a participant kept must be a part of it.
func (v *transcript) checkReceipt(r Receipt) {
	pubs := v.pubs
	if len(pubs) == 0 && v.tree != nil {
		pubs = []ed25519.PublicKey{v.tree.PublicKey}
	}
	if !validReceipt(r, pubs, v.report.find) {
		return
	}
	if r.Conversation != v.report.Conversation {
		v.report.find(Finding{File: ReceiptFile, Class: HeadMismatch, Detail: "the receipt is of another conversation"})
		return
	}
	last, ok := v.entries.at(r.Entries)
	switch {
	case !ok:
		v.entries.short(fmt.Sprintf("the receipt covers %d entries, there are %d", r.Entries, v.entries.count()))
	case v.entries.lines[last].hash != r.Head:
		v.entries.blameRange(v.agreed(r), last, Altered, fmt.Sprintf("the lines up to entry %d are not those of the receipt", r.Entries))
	}
	v.checkReceiptSeal(r)
}

// agreed is the first line that the seal before the receipt's does not vouch for, where that seal is the one of the receipt.
func (v *transcript) agreed(r Receipt) int {
	i, ok := v.seals.at(r.Seal - 1)
	if !ok || v.seals.lines[i].hash != r.Prev || !v.fits(v.sealed[i]) {
		return 0
	}
	line, _ := v.entries.at(v.sealed[i].Entries)
	return line + 1
}

func (v *transcript) checkReceiptSeal(r Receipt) {
	_, leaf, err := r.Sealed().Encode()
	i, ok := v.seals.at(r.Seal)
	switch {
	case !ok:
		v.seals.short(fmt.Sprintf("the receipt is of seal %d, there are %d", r.Seal, len(v.seals.lines)))
	case err != nil || v.seals.lines[i].hash != leaf:
		v.seals.blame(i, HeadMismatch, fmt.Sprintf("seal %d is not the one of the receipt", r.Seal))
	}
}

// validReceipt says whether one of the keys signed the receipt, and finds why not.
func validReceipt(r Receipt, pubs []ed25519.PublicKey, find func(Finding)) bool {
	f := Finding{File: ReceiptFile}
	pub := keyOf(pubs, r.Key)
	switch err := r.Verify(pub); {
	case pub == nil, errors.Is(err, ErrWrongKey):
		f.Class, f.Detail = WrongKey, "the receipt is signed by key "+string(r.Key)+", which is not among the keys that were given"
	case errors.Is(err, ErrBadSignature):
		f.Class, f.Detail = Altered, "the signature is not of this receipt"
	case err != nil:
		f.Class, f.Detail = Altered, "the proof does not lead from the receipt's seal to its root"
	default:
		return true
	}
	find(f)
	return false
}
