package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"parley/internal/chain"
)

// checkLate holds a late tail against its signed head, and that against the adopted recording it goes on from.
func (v *verifier) checkLate() error {
	size, ok := v.sizes[lateFile]
	if !ok || v.end == nil || v.head == nil {
		return nil // checkFiles reports what does not belong
	}
	f, err := v.fsys.Open(lateFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxHead))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, lateFile, err)
	}
	v.expected[lateFile] = true
	h, err := parseLate(b)
	if err != nil {
		v.report.find(Finding{File: lateFile, To: size, Class: Altered, Detail: "not a signed head of a tail in its one form"})
		return nil
	}
	if f, ok := v.lateHead(h, size); !ok {
		v.report.find(f)
	}
	for _, j := range h.Journals {
		if err := v.checkTail(j); err != nil {
			return err
		}
	}
	v.report.Late = h.Journals
	return nil
}

// lateHead says whether the head is signed, and of this recording; if not, what is wrong.
func (v *verifier) lateHead(h LateHead, size int64) (Finding, bool) {
	f := Finding{File: lateFile, To: size}
	switch err := VerifyLate(v.pub, h); {
	case errors.Is(err, chain.ErrWrongKey):
		f.Class, f.Detail = WrongKey, "the tail is signed by key "+h.Key
	case err != nil:
		f.Class, f.Detail = Altered, "the signature is not of this tail"
	case string(h.PublicKey) != string(v.pub):
		f.Class, f.Detail = WrongKey, "the tail carries another public key than the one that signed"
	case h.Recording != string(v.report.Recording) || h.Head != v.head.Head:
		f.Class, f.Detail = HeadMismatch, "the tail is of another recording"
	case v.end.Reason != Adopted:
		f.Class, f.Detail = Added, "the recording was not adopted, so nothing of it can be late"
	default:
		return f, true
	}
	return f, false
}

// checkTail holds one journal's tail against what its head says, and to where the adopted journal ends.
func (v *verifier) checkTail(j LateJournal) error {
	name := lateJournalFile(j.Participant)
	if v.journals[j.Participant] == nil {
		v.report.find(Finding{File: lateFile, Class: Added, Detail: fmt.Sprintf("a tail of %s, of whom there is no journal", j.Participant)})
		return nil
	}
	v.expected[name] = true
	size, ok := v.sizes[name]
	if !ok {
		return nil // checkFiles reports it
	}
	for _, e := range v.end.Journals {
		if e.Participant == j.Participant && e.Size != j.Offset {
			v.report.find(Finding{File: name, To: size, Class: HeadMismatch, Detail: "it does not begin where the adopted journal ends"})
		}
	}
	f, err := v.fsys.Open(name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, name, err)
	case n < j.Length:
		v.report.find(Finding{File: name, From: n, To: n, Class: Truncated, Detail: fmt.Sprintf("%d bytes, signed were %d", n, j.Length)})
	case n > j.Length:
		v.report.find(Finding{File: name, From: j.Length, To: n, Class: Added, Detail: fmt.Sprintf("%d bytes, signed were %d", n, j.Length)})
	case chain.Hash(sum.Sum(nil)) != j.Hash:
		v.report.find(Finding{File: name, To: n, Class: Altered, Detail: "the tail is not what was signed"})
	}
	return nil
}
