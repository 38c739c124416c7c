package sealer

import (
	"archive/zip"
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/policy"
)

// exportPage is how many rows of a bundle are read at a time.
const exportPage = 256

// Sealed seals what is new in the conversation and says how many entries are sealed; policy.ErrNotFound. Where sealing fails, it is as
// far as it was sealed before; if it never was, the error says why.
func (s *Sealer) Sealed(ctx context.Context, id chat.ConversationID) (entries uint64, err error) {
	st, err := s.standing(ctx, id)
	for want := st.Head; err == nil && st.Last.Entries < want; {
		before := st.Last.Entries
		_, failed := s.seal(ctx, []chat.ConversationID{id})
		if st, err = s.standing(ctx, id); err == nil && st.Last.Entries == before { // the log is broken, or the store is
			if st.Last.Seal == 0 {
				err = cmp.Or(failed, error(errUnsealed.After(s.cfg.Every)))
			}
			break
		}
	}
	return st.Last.Entries, err
}

// Export writes the bundle that chain.VerifyTranscript and parley-verify take: a zip of the sealed entries as ciphertext, their seals, and
// the signed tree with its public key. Nothing in it can be read without the data keys. What is wrong with the rows in the
// database is written as it is, for the verifier to find. policy.ErrNotFound, and policy.ErrUnavailable for what was never sealed,
// come before anything is written.
func (s *Sealer) Export(ctx context.Context, id chat.ConversationID, w io.Writer) error {
	if _, err := s.Sealed(ctx, id); err != nil {
		return err
	}
	st, err := s.standing(ctx, id)
	if err != nil {
		return err
	}
	_, tree, err := s.proven(ctx, id, st.Last)
	if err != nil && !errors.Is(err, errTree) {
		return err
	}
	files := []bundleFile{
		{chain.EntriesFile, func(w io.Writer) error { return s.writeEntries(ctx, st, w) }},
		{chain.SealsFile, func(w io.Writer) error { return s.writeSeals(ctx, st, w) }},
		{chain.TreeFile, func(w io.Writer) error { return writeTree(tree, w) }},
	}
	if err != nil { // the tree is not in the database any more, and so not in the bundle
		files = files[:2]
	}
	z := zip.NewWriter(w)
	for _, f := range files {
		if err := f.writeTo(z); err != nil {
			return fmt.Errorf("export transcript: %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export transcript: %w", err)
	}
	return nil
}

type bundleFile struct {
	name  string
	write func(io.Writer) error
}

// writeTo stores the file and does not deflate it: a byte that is flipped later then spoils one line, which the verifier names.
func (f bundleFile) writeTo(z *zip.Writer) error {
	out, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(out, 64<<10)
	return errors.Join(f.write(b), b.Flush())
}

func (s *Sealer) writeEntries(ctx context.Context, st Standing, w io.Writer) error {
	members, err := s.store.Members(ctx, []chat.ConversationID{st.Conversation})
	if err != nil {
		return err
	}
	text, prev, err := founding(st, members[st.Conversation]).Encode()
	if err != nil {
		return err
	}
	if err := writeLine(w, text); err != nil {
		return err
	}
	for after := uint64(0); after < st.Last.Entries; after += exportPage {
		page, err := s.store.Entries(ctx, []Span{{st.Conversation, after, min(after+exportPage, st.Last.Entries)}})
		if err != nil {
			return err
		}
		for _, e := range page {
			if text, prev, err = line(e, prev).Encode(); err != nil {
				return err
			}
			if err := writeLine(w, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Sealer) writeSeals(ctx context.Context, st Standing, w io.Writer) error {
	for after := uint64(0); after < st.Last.Seal; {
		page, err := s.store.Seals(ctx, st.Conversation, after, exportPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, seal := range page {
			if after = seal.Seal.Seal; after > st.Last.Seal {
				break
			}
			text, _, err := seal.Encode()
			if err != nil {
				return err
			}
			if err := writeLine(w, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeTree(t chain.ProvenTree, w io.Writer) error {
	text, err := t.Encode()
	if err != nil {
		return err
	}
	return writeLine(w, text)
}

func writeLine(w io.Writer, text []byte) error {
	_, err := w.Write(append(text, '\n'))
	return err
}

// MaxTrees is how many trees [Sealer.Trees] gives at once.
const MaxTrees = 1000

// Trees returns the signed trees after a number, ascending, at most MaxTrees: what a witness keeps (E6). They name nobody.
func (s *Sealer) Trees(ctx context.Context, after uint64, limit int) ([]chain.SignedTree, error) {
	if limit <= 0 || limit > MaxTrees {
		return nil, policy.ErrBadRequest
	}
	list, err := s.store.Trees(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list trees: %w", err)
	}
	trees := make([]chain.SignedTree, len(list))
	for i, t := range list {
		trees[i] = t.SignedTree
	}
	return trees, nil
}
