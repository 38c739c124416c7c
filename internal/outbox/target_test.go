package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
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
	for _, c := range []struct {
		secrets []Secret
		ok      bool
	}{
		{[]Secret{testSecret}, true}, {[]Secret{testSecret, oldSecret}, true},
		{nil, false}, {[]Secret{""}, false}, {[]Secret{"short"}, false}, {[]Secret{testSecret, "short"}, false},
		{[]Secret{testSecret, oldSecret, testSecret}, false},
	} {
		err := CheckSecrets(c.secrets)
		if (err == nil) != c.ok {
			t.Errorf("%d secrets: %v, want taken = %v", len(c.secrets), err, c.ok)
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

// FuzzTarget holds whatever is taken for a target against A4 and L4, and what is said of one that is not against its secrets.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"https://hooks.example.com/s3cret!", "http://127.0.0.1:9/", "http://hooks.example.com", "https://u:s3cret!@hooks.example.com", "https://hooks.example.com/%zz?s3cret!"} {
		f.Add(s, "cn-north")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		err := CheckTarget(s, region, []string{"hooks.example.com"})
		if err != nil && strings.Contains(err.Error(), "s3cret!") && !strings.Contains(region, "s3cret!") {
			u, _ := url.Parse(s)
			if u == nil || !strings.Contains(u.Hostname(), "s3cret!") {
				t.Errorf("the error tells a secret: %v", err)
			}
		}
		if err != nil {
			return
		}
		u, _ := url.Parse(s)
		if u.Scheme != "https" && !loopback(plainHost(u.Hostname())) || region != "" && plainHost(u.Hostname()) != "hooks.example.com" {
			t.Errorf("%q is taken, in %q", s, region)
		}
	})
}
