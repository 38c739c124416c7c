package chain

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// VerifyTranscript checks a conversation's transcript from its bytes and public keys alone: nothing was altered, removed,
// reordered, truncated or added since the last seal was signed. fsys is a bundle. pubs are the keys that the operator is known
// to sign with, the present one and former ones; without any the bundle's own is taken, which proves consistency only. Receipts are
// what participants kept; each must fit the transcript (E6).
//
// It needs no data key: every hash is over ciphertext. It returns [ErrUnreadable] when there is nothing to check; all else
// that is wrong is in the report.
func VerifyTranscript(fsys fs.FS, pubs []ed25519.PublicKey, receipts ...Receipt) (*Report, error) {
	v := &transcript{fsys: fsys, pubs: pubs, report: &Report{OwnKey: len(pubs) == 0, Receipts: len(receipts)}}
	v.entries = links{file: EntriesFile, find: v.report.find}
	v.seals = links{file: SealsFile, first: 1, find: v.report.find}
	if err := v.read(); err != nil {
		return nil, err
	}
	v.check()
	for _, r := range receipts {
		v.checkReceipt(r)
	}
	return v.report, nil
}

// transcript is one verification.
type transcript struct {
	fsys   fs.FS
	pubs   []ed25519.PublicKey
	report *Report

	sizes   map[string]int64 // of the files there are
	entries links
	seals   links
	sealed  []Seal // by line; zero where it is not good
	tree    *ProvenTree
	size    int64 // of tree.json
	trusted int   // from this line on, seals are what was signed
}

func (v *transcript) read() (err error) {
	if v.sizes, err = list(v.fsys); err != nil {
		return err
	}
	expected := []string{EntriesFile, SealsFile, TreeFile}
	if !slices.ContainsFunc(expected, func(name string) bool { _, ok := v.sizes[name]; return ok }) {
		return fmt.Errorf("%w: no %s", ErrUnreadable, EntriesFile)
	}
	readers := []func() error{
		func() error { return v.entries.read(v.fsys, v.addEntry) },
		func() error { return v.seals.read(v.fsys, v.addSeal) },
		v.readTree,
	}
	for i, name := range expected {
		if _, ok := v.sizes[name]; !ok {
			v.report.find(Finding{File: name, Class: Removed, Detail: "the file is not there"})
			continue
		}
		if err := readers[i](); err != nil {
			return err
		}
	}
	for name, size := range v.sizes {
		if !slices.Contains(expected, name) {
			v.report.find(Finding{File: name, To: size, Class: Added, Detail: "a transcript has no such file"})
		}
	}
	return nil
}

// list is what there is, with sizes.
func list(fsys fs.FS) (map[string]int64, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
		sizes[e.Name()] = i.Size()
	}
	return sizes, nil
}

func (v *transcript) addEntry(i int, line []byte, l *link) error {
	if i == 0 {
		f, err := ParseFounding(line)
		if err != nil {
			return err
		}
		if f.Format > TranscriptFormat {
			return fmt.Errorf("%w: format %d is newer than this verifier's %d", ErrUnreadable, f.Format, TranscriptFormat)
		}
		l.n, l.prev, l.hash, l.micros = 0, f.Prev, linkHash(f.Prev, line), f.Opened.UnixMicro()
		v.report.Conversation, v.report.Format, v.report.Opened, v.report.Members = f.Conversation, f.Format, f.Opened, f.Members
		return nil
	}
	e, err := ParseEntry(line)
	if err != nil {
		return err
	}
	l.n, l.prev, l.hash, l.micros = e.Seq, e.Prev, linkHash(e.Prev, line), e.Time.UnixMicro()
	if v.report.First.IsZero() {
		v.report.First = e.Time
	}
	v.report.Last, v.report.Entries = e.Time, v.report.Entries+1
	return nil
}

func (v *transcript) addSeal(_ int, line []byte, l *link) error {
	s, err := ParseSeal(line)
	v.sealed = append(v.sealed, s)
	if err != nil {
		return err
	}
	l.n, l.prev, l.hash, l.micros = s.Seal, s.Prev, Leaf(line), s.Time.UnixMicro()
	v.report.Seals++
	return nil
}

func (v *transcript) readTree() error {
	f, err := v.fsys.Open(TreeFile)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer f.Close()
	v.size = v.sizes[TreeFile]
	b, err := io.ReadAll(io.LimitReader(f, maxLine))
	if errors.Is(err, zip.ErrChecksum) {
		v.blameTree(Altered, badChecksum)
	} else if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, TreeFile, err)
	}
	line, ended := bytes.CutSuffix(b, []byte("\n"))
	t, err := ParseProvenTree(line)
	if err != nil || !ended {
		v.blameTree(Altered, "not a signed tree in its one form")
		return nil
	}
	v.tree = &t
	v.report.Tree, v.report.Signed, v.report.Key = t.Number, t.Time, t.Key
	return nil
}

func (v *transcript) blameTree(c Class, detail string) {
	v.report.find(Finding{File: TreeFile, To: v.size, Class: c, Detail: detail})
}
