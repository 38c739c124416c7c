package privacy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"parley/internal/policy"
	"parley/internal/privacy"
	"parley/internal/privacy/privacytest"
	"parley/storage/keys"
)

// vault gives one fixed key and counts how often it was asked.
type vault struct {
	keys.Vault
	err   error
	asked int
}

func (v *vault) Create(context.Context, keys.Name) (keys.Key, error) {
	v.asked++
	return keys.Key{1, 2, 3}, v.err
}

func notice(n int, material bool) policy.Text {
	both := map[string]string{"zh": "字", "en": "word"}
	return policy.Text{Version: "interview-recording@" + string(rune('0'+n)), Purpose: policy.InterviewRecording,
		Material: material, Title: both, Body: both}
}

func texts(t *testing.T, list ...policy.Text) *policy.Texts {
	t.Helper()
	both := map[string]string{"zh": "字", "en": "word"}
	list = append(list, policy.Text{Version: "privacy-policy@1", Purpose: policy.PrivacyPolicy, Title: both, Body: both})
	all, err := policy.NewTexts(list...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var ann = privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording, Context: "interview-1"}

func newLedger(t *testing.T, store privacy.Store, list ...policy.Text) *privacy.Ledger {
	return privacy.New(privacy.Config{Store: store, Vault: &vault{}, Texts: texts(t, list...),
		Now: func() time.Time { return time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC) }})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConsentHoldsUntilTakenBack(t *testing.T) {
	all := privacy.Matter{Subject: "ann", Purpose: policy.InterviewRecording}
	whole := privacy.Matter{Subject: "ann", Purpose: policy.PrivacyPolicy}
	agree := func(l *privacy.Ledger, m privacy.Matter) error {
		v := "interview-recording@1"
		if m.Purpose == policy.PrivacyPolicy {
			v = "privacy-policy@1"
		}
		return l.Agree(t.Context(), m, v, privacy.AudioVideo)
	}
	withdraw := func(l *privacy.Ledger, m privacy.Matter) error { return l.Withdraw(t.Context(), m) }
	decline := func(l *privacy.Ledger, m privacy.Matter) error {
		return l.Decline(t.Context(), m, "interview-recording@1")
	}
	type step struct {
		do func(*privacy.Ledger, privacy.Matter) error
		m  privacy.Matter
	}
	for name, test := range map[string]struct {
		steps   []step
		granted bool
	}{
		"nothing said":                      {nil, false},
		"agreed":                            {[]step{{agree, ann}}, true},
		"agreed for another interview":      {[]step{{agree, privacy.Matter{Subject: "ann", Purpose: ann.Purpose, Context: "interview-2"}}}, false},
		"agreed by another person":          {[]step{{agree, privacy.Matter{Subject: "bob", Purpose: ann.Purpose, Context: ann.Context}}}, false},
		"agreed for all in general":         {[]step{{agree, all}}, false},
		"declined":                          {[]step{{decline, ann}}, false},
		"agreed then declined":              {[]step{{agree, ann}, {decline, ann}}, false},
		"agreed then withdrawn":             {[]step{{agree, ann}, {withdraw, ann}}, false},
		"withdrawn then agreed":             {[]step{{agree, ann}, {withdraw, ann}, {agree, ann}}, true},
		"purpose withdrawn after":           {[]step{{agree, ann}, {withdraw, all}}, false},
		"purpose withdrawn before":          {[]step{{withdraw, all}, {agree, ann}}, true},
		"purpose withdrawn twice":           {[]step{{withdraw, all}, {agree, ann}, {withdraw, all}}, false},
		"privacy policy withdrawn after":    {[]step{{agree, ann}, {withdraw, whole}}, false},
		"privacy policy withdrawn before":   {[]step{{withdraw, whole}, {agree, ann}}, false},
		"privacy policy agreed to again":    {[]step{{withdraw, whole}, {agree, ann}, {agree, whole}}, true},
		"other interview's consent is gone": {[]step{{agree, ann}, {withdraw, privacy.Matter{Subject: "ann", Purpose: ann.Purpose, Context: "interview-2"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t, &privacytest.Memory{}, notice(1, true))
			for _, s := range test.steps {
				must(t, s.do(l, s.m))
			}
			g, err := l.Granted(t.Context(), ann)
			if (err == nil) != test.granted || err != nil && !errors.Is(err, policy.ErrConsentNeeded) {
				t.Errorf("granted: %v, want %v", err, test.granted)
			}
			if err == nil && (g.Scope != privacy.AudioVideo || g.Version != "interview-recording@1" || g.At.IsZero()) {
				t.Errorf("grant is %+v", g)
			}
		})
	}
}

func TestOnlyTheCurrentVersionCanBeAgreedTo(t *testing.T) {
	l := newLedger(t, &privacytest.Memory{}, notice(1, true), notice(2, false))
	for _, v := range []string{"interview-recording@1", "interview-recording@3", "privacy-policy@1", ""} {
		if err := l.Agree(t.Context(), ann, v, privacy.Audio); !errors.Is(err, policy.ErrTextVersion) {
			t.Errorf("agree to %q: %v", v, err)
		}
	}
	if _, err := l.Granted(t.Context(), ann); !errors.Is(err, policy.ErrConsentNeeded) {
		t.Errorf("granted: %v", err)
	}
}

func TestMaterialChangeNeedsNewConsent(t *testing.T) {
	for _, material := range []bool{false, true} {
		store := &privacytest.Memory{}
		must(t, newLedger(t, store, notice(1, true)).Agree(t.Context(), ann, "interview-recording@1", privacy.Audio))
		_, err := newLedger(t, store, notice(1, true), notice(2, material)).Granted(t.Context(), ann)
		if (err != nil) != material {
			t.Errorf("material %v: granted: %v", material, err)
		}
	}
}

func TestWithdrawalIsToldBeforeItReturns(t *testing.T) {
	store := &privacytest.Memory{}
	l := newLedger(t, store, notice(1, true))
	var told []privacy.Withdrawal
	stop := l.Watch(func(w privacy.Withdrawal) { told = append(told, w) })
	must(t, l.Decline(t.Context(), ann, "interview-recording@1"))
	if len(told) != 0 {
		t.Errorf("a no without a yes before was told as a withdrawal")
	}
	must(t, l.Agree(t.Context(), ann, "interview-recording@1", privacy.Audio))
	must(t, l.Withdraw(t.Context(), ann))
	if len(told) != 1 || told[0].Matter != ann {
		t.Fatalf("told %+v", told)
	}
	must(t, l.Withdraw(t.Context(), ann))
	if len(told) != 2 {
		t.Errorf("a retry told nobody")
	}
	stop()
	must(t, l.Withdraw(t.Context(), ann))
	if len(told) != 2 {
		t.Errorf("told after stop")
	}
	store.Fail = errors.New("disk gone")
	if err := l.Withdraw(t.Context(), ann); !errors.Is(err, store.Fail) {
		t.Errorf("withdraw on a broken store: %v", err)
	}
}

func TestHistoryShowsEachDecisionOnce(t *testing.T) {
	l := newLedger(t, &privacytest.Memory{}, notice(1, true))
	for range 3 { // retries add nothing
		must(t, l.Agree(t.Context(), ann, "interview-recording@1", privacy.AudioVideo))
	}
	must(t, l.Agree(t.Context(), ann, "interview-recording@1", privacy.Audio)) // the camera taken back
	for range 3 {
		must(t, l.Withdraw(t.Context(), ann))
	}
	got, err := l.History(t.Context(), "ann")
	must(t, err)
	want := []struct {
		kind  privacy.Kind
		scope privacy.Scope
	}{{privacy.Agreed, privacy.AudioVideo}, {privacy.Agreed, privacy.Audio}, {privacy.Withdrawn, ""}}
	if len(got) != len(want) {
		t.Fatalf("%d decisions, want %d: %+v", len(got), len(want), got)
	}
	for i, w := range want {
		if got[i].Kind != w.kind || got[i].Scope != w.scope || got[i].Context != ann.Context {
			t.Errorf("decision %d is %+v", i, got[i])
		}
	}
	if other, _ := l.History(t.Context(), "bob"); len(other) != 0 {
		t.Errorf("bob has %d decisions", len(other))
	}
}

func TestStoredEntryNamesNobodyAndFitsNowhereElse(t *testing.T) {
	store := &privacytest.Memory{}
	l := newLedger(t, store, notice(1, true))
	m := privacy.Matter{Subject: "user-with-a-long-id", Purpose: ann.Purpose, Context: "one"}
	must(t, l.Agree(t.Context(), m, "interview-recording@1", privacy.Audio))
	stored, err := store.History(t.Context(), store.Subjects()[0], 0, 1)
	if err != nil || len(stored) != 1 {
		t.Fatalf("stored %d, %v", len(stored), err)
	}
	e := stored[0]
	if strings.Contains(string(e.Sealed)+string(e.Subject[:])+e.Context, string(m.Subject)) {
		t.Error("the entry shows the subject")
	}
	e.Context = "two" // an operator copies a consent to another interview
	_, err = store.Append(t.Context(), e)
	must(t, err)
	m.Context = "two"
	if _, err := l.Granted(t.Context(), m); err == nil {
		t.Error("a copied consent was granted")
	}
}

func TestBadMattersAreRefused(t *testing.T) {
	l := newLedger(t, &privacytest.Memory{}, notice(1, true))
	for name, m := range map[string]privacy.Matter{
		"nobody":       {Purpose: ann.Purpose},
		"no purpose":   {Subject: "ann"},
		"long context": {Subject: "ann", Purpose: ann.Purpose, Context: strings.Repeat("x", 201)},
	} {
		if err := l.Withdraw(t.Context(), m); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := l.Agree(t.Context(), ann, "interview-recording@1", ""); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("no scope: %v", err)
	}
}

func TestAVaultThatFailsIsAskedAgain(t *testing.T) {
	v := &vault{err: errors.New("vault is away")}
	l := privacy.New(privacy.Config{Store: &privacytest.Memory{}, Vault: v, Texts: texts(t, notice(1, true))})
	if _, err := l.Granted(t.Context(), ann); !errors.Is(err, v.err) {
		t.Fatalf("granted without a vault: %v", err)
	}
	v.err = nil
	must(t, l.Agree(t.Context(), ann, "interview-recording@1", privacy.Audio))
	if v.asked != 2 {
		t.Errorf("vault asked %d times, want once after it came back", v.asked)
	}
}
