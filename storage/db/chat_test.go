package db

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/policy"
)

func TestChatKeepsTheContract(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		chattest.Store(t, func(t *testing.T) chat.Store { return e.open(t).Chat() })
	})
}

func TestTheChatServiceOverEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		chattest.Service(t, func(t *testing.T) chat.Store { return e.open(t).Chat() })
	})
}

func startChat(t testing.TB, d *DB) *chattest.Node {
	return chattest.Start(t, d.Chat(), &chattest.Hub{}, chat.Config{})
}

func execChat(t *testing.T, d *DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.write.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func storedHead(t *testing.T, d *DB, id chat.ConversationID) (head, last uint64) {
	t.Helper()
	err := d.read.QueryRowContext(t.Context(), `SELECT c.head, max(e.seq) FROM chat_conversations c
		JOIN chat_entries e ON e.conversation = c.id WHERE c.id = $1`, id).Scan(&head, &last)
	if err != nil {
		t.Fatal(err)
	}
	return head, last
}

// A deferred constraint that breaks makes COMMIT itself fail, after every statement succeeded.
func TestHeadsRollBackWhenTheCommitFails(t *testing.T) {
	d := openTest(t)
	n := startChat(t, d)
	id := n.NewConversation()
	execChat(t, d,
		`CREATE TABLE bomb (x TEXT REFERENCES chat_conversations (id) DEFERRABLE INITIALLY DEFERRED)`,
		`CREATE TRIGGER armed AFTER INSERT ON chat_entries BEGIN INSERT INTO bomb VALUES ('nowhere'); END`)
	draft := chattest.Text(t, id, "hello")
	if _, err := n.Send(t.Context(), chattest.Ann, draft); !errors.Is(err, policy.ErrUnavailable) {
		t.Fatalf("send into a failing commit: %v, want unavailable", err)
	}
	if head, last := storedHead(t, d, id); head != 1 || last != 1 {
		t.Fatalf("head %d, last entry %d after the failed commit; want 1 and 1", head, last)
	}
	execChat(t, d, `DROP TRIGGER armed`)
	if a := n.MustSend(chattest.Ann, draft); a.Seq != 2 || a.Dup {
		t.Errorf("the repeat: %+v, want seq 2", a)
	}
}

func TestARowThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	d := openTest(t)
	id := startChat(t, d).NewConversation()
	execChat(t, d, `CREATE TRIGGER picky BEFORE INSERT ON chat_entries WHEN NEW.cid = 'bad'
		BEGIN SELECT RAISE(ABORT, 'no'); END`)
	_, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{
		{Conversation: id, CID: "good", Type: "text", Sealed: []byte{1}}, {Conversation: id, CID: "bad", Type: "text", Sealed: []byte{1}},
	}})
	var bad *chat.RowError
	if !errors.As(err, &bad) || bad.Index != 1 {
		t.Fatalf("got %v, want a RowError of row 1", err)
	}
	if head, last := storedHead(t, d, id); head != 1 || last != 1 {
		t.Errorf("head %d, last entry %d; want nothing of the batch", head, last)
	}
}

func TestAClosedDatabaseIsNotTheRowsFault(t *testing.T) {
	d := openTest(t)
	id := startChat(t, d).NewConversation()
	d.Close()
	_, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{{Conversation: id, CID: "a", Type: "text", Sealed: []byte{1}}}})
	var bad *chat.RowError
	if err == nil || errors.As(err, &bad) {
		t.Errorf("got %v, want an error that names no row", err)
	}
}

func TestALogSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.db")
	d := openAt(t, path)
	n := startChat(t, d)
	id := n.NewConversation()
	draft := chattest.Text(t, id, "hello")
	want := n.MustSend(chattest.Ann, draft)
	n.Stop()
	d.Close()
	entries, head, err := openAt(t, path).Chat().Read(t.Context(), id, chat.Range{Limit: 10})
	if err != nil || head != 2 || len(entries) != 2 {
		t.Fatalf("after reopening: %d entries, head %d, %v", len(entries), head, err)
	}
	if e := entries[1]; e.Seq != want.Seq || !e.Time.Equal(want.Time) || e.CID != draft.CID {
		t.Errorf("after reopening: %v, want what was acknowledged", e)
	}
}

// A4: content, names and titles are sealed at rest. The user id, which stands in clear, shows that the search would find
// them; so do the files of a database in which they were written in clear.
func TestNothingSaidIsInTheFilesInClear(t *testing.T) {
	dir := t.TempDir()
	d := openAt(t, filepath.Join(dir, "parley.db"))
	n := startChat(t, d)
	id := n.NewConversation()
	n.MustSend(chattest.Ann, chattest.Text(t, id, "my secret salary wish"))
	if err := n.Disclose(t.Context(), chattest.Ann, id); err != nil {
		t.Fatal(err)
	}
	secrets := []string{"my secret salary wish", "欧阳", "晓雯", "司马", "长青", "后端工程师", "某某科技"}
	files := readFiles(t, dir)
	if !bytes.Contains(files, []byte(chattest.Ann.User)) {
		t.Fatal("control: the user id is not in the files either")
	}
	for _, s := range secrets {
		if bytes.Contains(files, []byte(s)) {
			t.Errorf("%q is in the files in clear", s)
		}
	}
	for i, s := range secrets {
		_, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{
			{Conversation: id, CID: chat.ClientID(rune('a' + i)), Type: "text", Sealed: []byte(s)}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	files = readFiles(t, dir)
	for _, s := range secrets {
		if !bytes.Contains(files, []byte(s)) {
			t.Errorf("control: %q was written in clear and not found", s)
		}
	}
}

func readFiles(t *testing.T, dir string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "parley.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var all []byte
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}
