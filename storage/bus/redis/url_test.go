package redis

import (
	"strings"
	"testing"
)

func TestPlainTextStaysOnTheMachine(t *testing.T) { // A4
	for url, want := range map[string]string{
		"redis://localhost":                                       "",
		"redis://127.0.0.1:6379/3":                                "",
		"redis://:pw@[::1]:6379":                                  "",
		"unix:///run/redis.sock?db=1":                             "",
		"rediss://redis.example:6380":                             "",
		"rediss://u:pw@redis.example/2?pool_size=20":              "",
		"rediss://s1:26379?master_name=parley&addr=s2:26379":      "",
		"redis://localhost:26379?master_name=m&addr=[::1]:26380":  "",
		"redis://redis.example:6379":                              "A4",
		"redis://10.0.0.1":                                        "A4",
		"redis://[2001:db8::1]:6379":                              "A4",
		"redis://localhost.evil.example":                          "A4",
		"redis://127.0.0.1:1?master_name=m&addr=s2.example:26379": "A4",
		"rediss://redis.example?skip_verify=true":                 "skip_verify",
		"rediss://redis.example?master_name=m&skip_verify=1":      "skip_verify",
		"rediss://s1?master_name=m&replica_only=true":             "master",
		"rediss://s1?master_name=m&route_by_latency=true":         "master",
		"redis://":                          "rediss://",
		"":                                  "rediss://",
		"http://localhost":                  "scheme",
		"rediss://redis.example/nine":       "number",
		"rediss://redis.example?poolsize=2": "parameter",
		"redis://:p%zz@localhost":           "rediss://",
	} {
		err := CheckURL(url)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}

func TestASentinelCannotNameAMasterThatPlainTextWouldReach(t *testing.T) { // A4
	dial := dialer(nil, nil)
	if _, err := dial(t.Context(), "tcp", "192.0.2.1:6379"); err != errPlainText {
		t.Errorf("got %v", err)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"redis://:s3cret!@localhost", "rediss://u:s3cret!@h/1?master_name=m&password=s3cret!", "redis://:s3cret!@h:port", "unix://:s3cret!@/x", "rediss://h/s3cret!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := CheckURL(s); err != nil && strings.Contains(err.Error(), "s3cret!") {
			t.Errorf("the error tells a secret: %v", err)
		}
	})
}
