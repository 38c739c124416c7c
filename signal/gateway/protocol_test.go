package gateway

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"parley/internal/policy"
)

func TestTheProtocolPageListsEveryError(t *testing.T) {
	b, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "\n## Errors\n")
	table, _, _ = strings.Cut(table, "\n## ")
	all := append([]*policy.Refusal{errBadFrame, errUnknownKind}, policy.Refusals...)
	for _, r := range all {
		retry := " "
		if r.Retry {
			retry = " yes "
		}
		if row := fmt.Sprintf("\n| `%s` |%s| ", r.ID, retry); !strings.Contains(table, row) {
			t.Errorf("missing: %s", row)
		}
		if r.Zh == "" || r.En == "" {
			t.Errorf("%s has no text in both languages", r.ID)
		}
	}
	if got := strings.Count(table, "\n| `"); got != len(all) {
		t.Errorf("%d errors in the table, there are %d", got, len(all))
	}
}
