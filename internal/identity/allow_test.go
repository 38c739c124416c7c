package identity

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"parley/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The matrix of role and action is a golden table, so that every change of it shows in review.
func TestAllowMatrix(t *testing.T) {
	const path = "testdata/allow.golden"
	got := matrix(t)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the matrix is now (go test -update if that is meant)\n%s", got)
	}
}

func matrix(t *testing.T) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s", "")
	for _, r := range Roles {
		fmt.Fprintf(&b, " %-10s", r)
	}
	for _, a := range Actions {
		fmt.Fprintf(&b, "\n%-18s", a)
		for _, r := range Roles {
			fmt.Fprintf(&b, " %-10s", cell(t, r, a))
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

func cell(t *testing.T, r Role, a Action) string {
	err := Allow(Principal{User: "u1", Role: r}, a)
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, policy.ErrForbidden):
		return "-"
	}
	t.Errorf("Allow(%s, %s) = %v, want nil or forbidden", r, a, err)
	return "?"
}

func TestNobodyMayDoAnything(t *testing.T) {
	for name, p := range map[string]Principal{"zero": {}, "no user": {Role: Operator}, "no role": {User: "u1"}} {
		for _, a := range Actions {
			if err := Allow(p, a); !errors.Is(err, policy.ErrUnauthenticated) {
				t.Errorf("%s, %s: %v, want %v", name, a, err, policy.ErrUnauthenticated)
			}
		}
	}
}

func TestWhatIsNotInTheTableIsRefused(t *testing.T) {
	for _, r := range append([]Role{"admin", "Operator"}, Roles...) {
		if err := Allow(Principal{User: "u1", Role: r}, "recording.delete"); !errors.Is(err, policy.ErrForbidden) {
			t.Errorf("%s, unknown action: %v, want %v", r, err, policy.ErrForbidden)
		}
	}
	for _, a := range Actions {
		if err := Allow(Principal{User: "u1", Role: "admin"}, a); !errors.Is(err, policy.ErrForbidden) {
			t.Errorf("unknown role, %s: %v, want %v", a, err, policy.ErrForbidden)
		}
	}
}

func TestEveryActionIsInTheTable(t *testing.T) {
	if len(Actions) != len(allowed) {
		t.Errorf("%d actions, %d rows", len(Actions), len(allowed))
	}
	for _, a := range Actions {
		if len(allowed[a]) == 0 {
			t.Errorf("nobody may %s", a)
		}
	}
}
