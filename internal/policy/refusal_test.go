package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestRefusalsTellPeopleInBothLanguages(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Refusals {
		if r.ID == "" || seen[r.ID] {
			t.Errorf("id %q is empty or stands twice", r.ID)
		}
		seen[r.ID] = true
		if r.Status < 400 || r.Status > 599 {
			t.Errorf("%s: status %d", r.ID, r.Status)
		}
		if !strings.HasSuffix(r.Zh, "。") || !strings.ContainsFunc(r.Zh, isHan) {
			t.Errorf("%s: Chinese text %q", r.ID, r.Zh)
		}
		if !strings.HasSuffix(r.En, ".") || strings.ContainsFunc(r.En, isHan) {
			t.Errorf("%s: English text %q", r.ID, r.En)
		}
		if again := r.Status == 429 || r.Status >= 500; r.Retry != again {
			t.Errorf("%s: retry %v at status %d", r.ID, r.Retry, r.Status)
		}
	}
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

func TestRefusalsAreEqualByID(t *testing.T) {
	exact := ErrBadRequest.With("Name a conversation.", "请指定会话。")
	for _, test := range []struct {
		err    error
		target error
		want   bool
	}{
		{ErrNotFound, ErrNotFound, true},
		{ErrNotFound, ErrForbidden, false},
		{exact, ErrBadRequest, true},
		{fmt.Errorf("open conversation: %w", exact), ErrBadRequest, true},
		{errors.Join(errors.New("other"), ErrGone), ErrGone, true},
		{errors.New("not_found"), ErrNotFound, false},
		{ErrNotFound, (*Refusal)(nil), false},
	} {
		if got := errors.Is(test.err, test.target); got != test.want {
			t.Errorf("errors.Is(%v, %v) = %v, want %v", test.err, test.target, got, test.want)
		}
	}
	if exact.En != "Name a conversation." || exact.Zh != "请指定会话。" || exact.Status != ErrBadRequest.Status {
		t.Errorf("With gave %+v", exact)
	}
}

func TestASentinelIsNeverChanged(t *testing.T) {
	before := *ErrRateLimited
	later := ErrRateLimited.After(3*time.Second).With("x", "y")
	if *ErrRateLimited != before {
		t.Errorf("the sentinel became %+v", *ErrRateLimited)
	}
	if !later.Retry || later.RetryAfter != 3*time.Second || later.Texts()["zh"] != "y" || later.Texts()["en"] != "x" {
		t.Errorf("the copy is %+v", later)
	}
}
