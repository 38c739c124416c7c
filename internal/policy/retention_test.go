package policy

import "testing"

func TestRetentionIsAsPromised(t *testing.T) { // L1
	for class, want := range map[Class]int{
		ClassInterview: 6, ClassChat: 36, ClassConsent: 36, ClassAudit: 36, ClassAccessLog: 12, "": 0, "unknown": 0,
	} {
		if got := Retention(class); got != want {
			t.Errorf("Retention(%q) = %d, want %d", class, got, want)
		}
	}
}

func TestLessThanTheLawAsksIsRefused(t *testing.T) { // L2
	for _, test := range []struct {
		class  Class
		months int
		ok     bool
	}{
		{ClassAccessLog, 6, true}, {ClassAccessLog, 5, false}, {ClassAccessLog, 0, false}, {ClassAccessLog, -1, false},
		{ClassAudit, 6, true}, {ClassAudit, 5, false},
		{ClassConsent, 36, true}, {ClassConsent, 35, false},
		{ClassInterview, 1, true}, {ClassInterview, 0, false},
		{ClassChat, 120, true}, {"unknown", 12, false}, {"", 12, false},
	} {
		if err := CheckRetention(test.class, test.months); (err == nil) != test.ok {
			t.Errorf("CheckRetention(%q, %d) = %v, want ok %v", test.class, test.months, err, test.ok)
		}
	}
	for class := range periods {
		if err := CheckRetention(class, Retention(class)); err != nil {
			t.Errorf("the default of %q is refused: %v", class, err)
		}
	}
}
