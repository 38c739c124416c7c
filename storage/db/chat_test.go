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
	err := d.read.QueryRowContext(t.Context(), `SELECT head, (SELECT max(seq) FROM chat_entries WHERE conversation = $1)
		FROM chat_conversations WHERE id = $1`, id).Scan(&head, &last)
	if err != nil {
		t.Fatal(err)
	}
	return head, last
}

// A deferred constraint that breaks makes COMMIT itself fail, after every statement succeeded.
var bomb = map[dialect][]string{
	sqliteDialect: {
		`CREATE TABLE bomb (x TEXT REFERENCES chat_conversations (id) DEFERRABLE INITIALLY DEFERRED)`,
		`CREATE TRIGGER armed AFTER INSERT ON chat_entries BEGIN INSERT INTO bomb VALUES ('nowhere'); END`},
	postgresDialect: {
		`CREATE FUNCTION explode() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'boom' USING ERRCODE = '58030'; END $$`,
		`CREATE CONSTRAINT TRIGGER armed AFTER INSERT ON chat_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION explode()`},
}

var disarm = map[dialect]string{sqliteDialect: `DROP TRIGGER armed`, postgresDialect: `DROP TRIGGER armed ON chat_entries`}

func TestHeadsRollBackWhenTheCommitFails(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		n := startChat(t, d)
		id := n.NewConversation()
		execChat(t, d, bomb[d.dialect]...)
		draft := chattest.Text(t, id, "hello")
		if _, err := n.Send(t.Context(), chattest.Ann, draft); !errors.Is(err, policy.ErrUnavailable) {
			t.Fatalf("send into a failing commit: %v, want unavailable", err)
		}
		if head, last := storedHead(t, d, id); head != 1 || last != 1 {
			t.Fatalf("head %d, last entry %d after the failed commit; want 1 and 1", head, last)
		}
		execChat(t, d, disarm[d.dialect])
		if a := n.MustSend(chattest.Ann, draft); a.Seq != 2 || a.Dup {
			t.Errorf("the repeat: %+v, want seq 2", a)
		}
	})
}

// picky makes the database refuse entries with the client id 'bad'.
var picky = map[dialect]string{
	sqliteDialect: `CREATE TRIGGER picky BEFORE INSERT ON chat_entries WHEN NEW.cid = 'bad'
		BEGIN SELECT RAISE(ABORT, 'no'); END`,
	postgresDialect: `ALTER TABLE chat_entries ADD CONSTRAINT picky CHECK (cid <> 'bad')`,
}

func TestARowThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		id := startChat(t, d).NewConversation()
		execChat(t, d, picky[d.dialect])
		refusesRow(t, d, id, entry(id, "bad"))
	})
}

func entry(id chat.ConversationID, cid chat.ClientID) chat.Row {
	return chat.Row{Conversation: id, CID: cid, Type: "text", Sealed: []byte{1}}
}

// refusesRow appends the row between others and expects that it is named, and that nothing of the batch is there.
func refusesRow(t *testing.T, d *DB, id chat.ConversationID, r chat.Row) {
	t.Helper()
	_, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{entry(id, "a"), entry(id, "a"), r, entry(id, "b")}})
	var bad *chat.RowError
	if !errors.As(err, &bad) || bad.Index != 2 {
		t.Errorf("got %v, want a RowError of row 2", err)
	}
	if head, last := storedHead(t, d, id); head != 1 || last != 1 {
		t.Errorf("head %d, last entry %d; want nothing of the batch", head, last)
	}
}

func TestAClosedDatabaseIsNotTheRowsFault(t *testing.T) {
	forEachEngine(t, func(t *testing.T, d *DB) {
		id := startChat(t, d).NewConversation()
		d.Close()
		_, err := d.Chat().Append(t.Context(), chat.Batch{Rows: []chat.Row{{Conversation: id, CID: "a", Type: "text", Sealed: []byte{1}}}})
		var bad *chat.RowError
		if err == nil || errors.As(err, &bad) {
			t.Errorf("got %v, want an error that names no row", err)
		}
	})
}

func TestALogSurvivesReopening(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		open := e.reopener(t)
		n := startChat(t, open())
		id := n.NewConversation()
		draft := chattest.Text(t, id, "hello")
		want := n.MustSend(chattest.Ann, draft)
		n.Stop()
		entries, head, err := open().Chat().Read(t.Context(), id, chat.Range{Limit: 10})
		if err != nil || head != 2 || len(entries) != 2 {
			t.Fatalf("after reopening: %d entries, head %d, %v", len(entries), head, err)
		}
		if e := entries[1]; e.Seq != want.Seq || !e.Time.Equal(want.Time) || e.CID != draft.CID {
			t.Errorf("after reopening: %v, want what was acknowledged", e)
		}
	})
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
