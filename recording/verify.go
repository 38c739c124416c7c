package recording

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"parley/internal/chain"
	"parley/signal/wire"
)

// Verify checks a recording from its bytes and a public key alone: nothing was altered, removed, reordered, truncated
// or added since the head was signed. fsys is a bundle, or the folder of a sealed recording. Without pub the bundle's
// own key is taken, which proves consistency only. Receipts are heads that left the operator's hands; each must stand
// in the manifest (E6).
//
// It needs no data key: every hash is over ciphertext. It returns [ErrUnreadable] when there is nothing to check; all
// else that is wrong is in the report.
func Verify(fsys fs.FS, pub ed25519.PublicKey, receipts ...wire.ReceiptHead) (*Report, error) {
	v := &verifier{fsys: fsys, pub: pub, report: &Report{Receipts: len(receipts), OwnKey: pub == nil},
		journals: map[ParticipantID]*journalCheck{}}
	if err := v.list(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{v.readHead, v.readManifest} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	v.checkChain()
	for _, r := range receipts {
		v.checkReceipt(r)
	}
	for _, step := range []func() error{v.checkJournals, v.checkLate} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	v.checkFiles()
	return v.report, nil
}

// verifier is one verification.
type verifier struct {
	fsys   fs.FS
	pub    ed25519.PublicKey
	report *Report

	sizes    map[string]int64 // of the files there are
	expected map[string]bool
	head     *SignedHead
	lines    []line
	order    []ParticipantID
	journals map[ParticipantID]*journalCheck
	end      *EndBody
}

// line is one line of the manifest as it is now.
type line struct {
	Entry
	from, to int64
	good     bool       // it is an entry in canonical form
	hash     chain.Hash // by its own Prev
}

func (v *verifier) list() error {
	entries, err := fs.ReadDir(v.fsys, ".")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	v.sizes, v.expected = map[string]int64{}, map[string]bool{manifestFile: true, headFile: true}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		v.sizes[e.Name()] = i.Size()
	}
	_, manifest := v.sizes[manifestFile]
	_, head := v.sizes[headFile]
	if !manifest && !head {
		return fmt.Errorf("%w: neither %s nor %s", ErrUnreadable, manifestFile, headFile)
	}
	return nil
}

// maxHead bounds head.json.
const maxHead = 16 << 10

func (v *verifier) readHead() error {
	size, ok := v.sizes[headFile]
	if !ok {
		return nil // checkFiles reports it
	}
	f, err := v.fsys.Open(headFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxHead))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, headFile, err)
	}
	h, err := parseHead(b)
	if err != nil {
		v.report.find(Finding{File: headFile, To: size, Class: Altered, Detail: "not a signed head in its one form"})
		return nil
	}
	v.head = &h
	v.report.Signed, v.report.Key, v.report.Head = h.Time, chain.KeyID(h.Key), h.Head
	v.checkSignature(h, size)
	return nil
}

func (v *verifier) checkSignature(h SignedHead, size int64) {
	own := ed25519.PublicKey(h.PublicKey)
	if v.pub == nil && len(own) == ed25519.PublicKeySize {
		v.pub = own
	}
	f := Finding{File: headFile, To: size}
	switch err := VerifyHead(v.pub, h.ReceiptHead); {
	case errors.Is(err, chain.ErrWrongKey):
		f.Class, f.Detail = WrongKey, "signed by key "+h.Key+", not by "+string(chain.PublicKeyID(v.pub))
	case err != nil:
		f.Class, f.Detail = Altered, "the signature is not of this head"
	case !own.Equal(v.pub):
		f.Class, f.Detail = WrongKey, "the bundle carries another public key than the one that signed"
	default:
		return
	}
	v.report.find(f)
}

func (v *verifier) readManifest() error {
	if _, ok := v.sizes[manifestFile]; !ok {
		return nil
	}
	f, err := v.fsys.Open(manifestFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	err = readManifest(f, v.addLine)
	if errors.Is(err, errManifest) {
		v.report.find(Finding{File: manifestFile, To: v.sizes[manifestFile], Class: Altered, Detail: err.Error()})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, manifestFile, err)
	}
	return nil
}

func (v *verifier) addLine(b []byte, offset int64, whole bool) error {
	l := line{from: offset, to: offset + int64(len(b))}
	if whole {
		l.to++
	}
	e, err := parseEntry(b)
	if l.good = err == nil && whole; l.good {
		l.Entry, l.hash = e, entryHash(e.Prev, b)
		if err := v.addBody(e); err != nil {
			return err
		}
	}
	v.lines = append(v.lines, l)
	return nil
}

// addBody takes in what an entry says. An entry whose body is not of its kind can't have been signed so; the chain or
// the journals show it.
func (v *verifier) addBody(e Entry) error {
	switch e.Kind {
	case EntryStart:
		return v.addStart(e)
	case EntrySegments:
		b, _ := decodeBody[SegmentsBody](e)
		for _, j := range b.Journals {
			if c := v.journals[j.Participant]; c != nil {
				c.segments = append(c.segments, j.Segments...)
			}
		}
	case EntryGap:
		if b, err := decodeBody[GapBody](e); err == nil {
			v.report.Gaps = append(v.report.Gaps, b)
		}
	case EntryEnd:
		if b, err := decodeBody[EndBody](e); err == nil {
			v.end, v.report.Reason, v.report.Lost, v.report.Journals = &b, b.Reason, b.Lost, b.Journals
			v.report.Length = (time.Duration(b.DurationMS) * time.Millisecond).String()
		}
	}
	return nil
}

func (v *verifier) addStart(e Entry) error {
	b, err := decodeBody[StartBody](e)
	if err != nil || e.Seq != 0 {
		return nil
	}
	if b.Format > FormatVersion {
		return fmt.Errorf("%w: format %d is newer than this verifier's %d", ErrUnreadable, b.Format, FormatVersion)
	}
	v.report.Recording, v.report.Format, v.report.Build, v.report.Started = b.Recording, b.Format, b.Build, e.Time
	for _, p := range b.Participants {
		if v.journals[p.ID] == nil && len(v.order) < MaxParticipants && fs.ValidPath(p.Journal) {
			v.order = append(v.order, p.ID)
			v.journals[p.ID] = &journalCheck{file: p.Journal}
			v.expected[p.Journal] = true
		}
	}
	return nil
}

// checkFiles finds files that are missing and files that don't belong.
func (v *verifier) checkFiles() {
	for name := range v.expected {
		if _, ok := v.sizes[name]; !ok {
			v.report.find(Finding{File: name, Class: Removed, Detail: "the file is not there"})
		}
	}
	for name, size := range v.sizes {
		if !v.expected[name] {
			v.report.find(Finding{File: name, To: size, Class: Added, Detail: "no entry of the manifest names this file"})
		}
	}
}
