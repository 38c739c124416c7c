package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const (
	testSecret = Secret("0123456789abcdef0123456789abcdef")
	oldSecret  = Secret("fedcba9876543210fedcba9876543210")
)

func TestWhereEventsMayGo(t *testing.T) {
	allowed := []string{"hooks.example.com", "Other.Example.com:8443", "127.0.0.1"}
	for _, c := range []struct {
		url, region string
		ok          bool
	}{
		{"https://hooks.example.com/parley", "", true},
		{"https://anywhere.example.com/", "", true},
		{"http://hooks.example.com/parley", "", false}, // A4
		{"http://10.0.0.1/", "", false},
		{"http://localhost:8080/hook", "", true},
		{"http://127.0.0.1:8080/hook", "", true},
		{"http://[::1]:8080/hook", "", true},
		{"http://localhost.example.com/", "", false},
		{"ftp://hooks.example.com/", "", false},
		{"hooks.example.com/parley", "", false},
		{"https:///path", "", false},
		{"https:hooks.example.com", "", false},
		{"https://", "", false},
		{"", "", false},
		{"https://user:sekret@hooks.example.com/", "", false},
		{"https://user@hooks.example.com/", "", false},
		{"https://hooks.example.com/#sekret", "", false},
		{"https://hooks.example.com/%zz?sekret", "", false},
		// L4
		{"https://hooks.example.com/parley", "cn-north", true},
		{"https://HOOKS.example.com.:443/parley", "cn-north", true},
		{"https://other.example.com/", "cn-north", true},
		{"https://anywhere.example.com/", "cn-north", false},
		{"https://sub.hooks.example.com/", "cn-north", false},
		{"https://example.com/", "cn-north", false},
		{"http://127.0.0.1:8080/hook", "cn-north", true},
		{"http://localhost/hook", "cn-north", false},
	} {
		err := CheckTarget(c.url, c.region, allowed)
		if (err == nil) != c.ok {
			t.Errorf("%q in region %q: %v, want ok %v", c.url, c.region, err, c.ok)
		}
		if err != nil && strings.Contains(err.Error(), "sekret") {
			t.Errorf("%q: the error %q shows what it must not", c.url, err)
		}
	}
	if err := CheckTarget("https://hooks.example.com/", "cn-north", nil); err == nil {
		t.Error("in a region nothing was declared, and yet it may go")
	}
}

func TestSecrets(t *testing.T) {
	long := string(testSecret)
	for in, want := range map[string]int{
		long: 1, long + "," + string(oldSecret): 2, " " + long + " , " + string(oldSecret): 2,
		"": 0, "short": 0, long + ",": 0, long + ",short": 0, long + "," + long + "," + long: 0,
	} {
		got, err := ParseSecrets(in)
		if (err == nil) != (want > 0) || err == nil && len(got) != want {
			t.Errorf("%q: %d secrets, %v; want %d", in, len(got), err, want)
		}
		if err != nil && strings.Contains(err.Error(), "short,") {
			t.Errorf("the error %q shows a secret", err)
		}
	}
	if _, err := New(Config{Target: Target{URL: "https://hooks.example.com/"}}); err == nil {
		t.Error("a target without a secret was taken")
	}
	if _, err := New(Config{Target: Target{URL: "http://hooks.example.com/", Secrets: []Secret{testSecret}}}); err == nil {
		t.Error("a target without TLS was taken (A4)")
	}
}

func TestSecretAndURLNeverShow(t *testing.T) {
	target := Target{URL: "https://hooks.example.com/sekret-path", Secrets: []Secret{testSecret}}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "secret", testSecret, "secrets", target.Secrets)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "secret", testSecret, "target", target, "config", Config{Target: target})
	fmt.Fprintf(&b, "%v %+v %#v %s %q %v %+v %#v", testSecret, testSecret, testSecret, testSecret, testSecret, target, target, target)
	_ = json.NewEncoder(&b).Encode(target.Secrets)
	if s := b.String(); strings.Contains(s, "sekret") || strings.Contains(s, string(testSecret)) || !strings.Contains(s, "[secret]") {
		t.Errorf("shown: %s", s)
	}
}
