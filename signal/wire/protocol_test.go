package wire

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func protocol(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheProtocolPageShowsTheGoldenExampleOfEveryKind(t *testing.T) {
	page := protocol(t)
	for _, k := range Kinds() {
		_, section, found := strings.Cut(page, fmt.Sprintf("\n### `%s`\n", k))
		if !found {
			t.Errorf("%s has no section", k)
			continue
		}
		section, _, _ = strings.Cut(section, "\n#")
		want, err := os.ReadFile(golden(k))
		if err != nil {
			t.Fatal(err)
		}
		_, example, _ := strings.Cut(section, "```json\n")
		if example, _, _ = strings.Cut(example, "```"); example != string(want) {
			t.Errorf("%s: the page shows\n%s\nthe golden file\n%s", k, example, want)
		}
		for side, word := range map[Side]string{Client: "Client", Server: "Server", Both: "Either side"} {
			if side == k.Sender() && !strings.HasPrefix(section, word) && k != (Ping{}).Kind() {
				t.Errorf("%s: the section should begin with %q", k, word)
			}
		}
	}
	if got := strings.Count(page, "```json"); got != len(Kinds()) {
		t.Errorf("%d examples for %d kinds", got, len(Kinds()))
	}
}

func TestTheProtocolPageListsEveryCloseCode(t *testing.T) {
	page := protocol(t)
	for code, action := range actions {
		if row := fmt.Sprintf("\n| %d | %s | ", code, action); !strings.Contains(page, row) {
			t.Errorf("missing: %s", row)
		}
	}
}
