package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// policyIDs are the rules that the product enforces.
var policyIDs = strings.Fields(`T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 E1 E2 E3 E4 E5 E6 E7
	A1 A2 A3 A4 A5 A6 L1 L2 L3 L4 L5 R1 R1b R2 R3 R4 R5 R6 R7`)

func TestThePrivacyPageNamesEveryRuleAndOnlyTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../PRIVACY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range policyIDs {
		if n := strings.Count(string(page), "\n| "+id+" |"); n != 1 {
			t.Errorf("rule %s stands on %d lines; want 1", id, n)
		}
	}
	tests := declaredTests(t)
	for _, m := range regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(string(page), -1) {
		if !tests[m[1]] {
			t.Errorf("PRIVACY.md names %s, which is no test", m[1])
		}
	}
}

// declaredTests are the names of all tests of the module.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{range .TestGoFiles}}{{$.Dir}}/{{.}}
{{end}}{{range .XTestGoFiles}}{{$.Dir}}/{{.}}
{{end}}`, "parley/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for file := range strings.FieldsSeq(string(out)) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(src), -1) {
			tests[m[1]] = true
		}
	}
	return tests
}
