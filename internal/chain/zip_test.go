package chain

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"io"
	"io/fs"
	"testing"
)

// archive is the bundle as it is handed out.
func (s *scroll) archive(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{EntriesFile, SealsFile, TreeFile} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(s.files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The container's own words, as the time of a file or the software that packed it, are no evidence. All else is found.
func TestEachFlippedByteOfAnArchiveIsFoundOrChangesNoFile(t *testing.T) {
	s := newScroll(t, 1, []uint64{1}, 1)
	whole := s.archive(t)
	pubs := []ed25519.PublicKey{public(1)}
	found := 0
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			found++
			continue
		}
		r, err := VerifyTranscript(z, pubs)
		if err != nil || !r.Intact() {
			found++
			continue
		}
		for _, name := range []string{EntriesFile, SealsFile, TreeFile} {
			if got, err := read(z, name); err != nil || !bytes.Equal(got, s.files[name]) {
				t.Fatalf("byte %d: %s is another, and nothing was found", at, name)
			}
		}
	}
	if contents := len(s.files[EntriesFile]) + len(s.files[SealsFile]) + len(s.files[TreeFile]); found < contents {
		t.Errorf("%d of %d flips were found, fewer than the files have bytes (%d)", found, len(whole), contents)
	}
}

func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func TestAFlippedByteInAnArchiveIsNamedByItsLine(t *testing.T) {
	s := newScroll(t, 3, []uint64{1, 3}, 1)
	whole := s.archive(t)
	at := bytes.Index(whole, []byte(`"seq":2`)) + 4
	whole[at] ^= 1
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	r := verify(t, z, nil)
	begin := int64(bytes.Index(s.files[EntriesFile], []byte(`{"seq":2`)))
	named := false
	for _, f := range r.Findings {
		named = named || f.File == EntriesFile && f.From == begin
	}
	if !named {
		t.Errorf("found %+v, want the line at %d", r.Findings, begin)
	}
}
