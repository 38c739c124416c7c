package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyURLsThatKeepDataPrivateAreTaken(t *testing.T) {
	for _, good := range []string{"https://s3.example.com/parley", "https://s3.example.com:9000/parley", "http://127.0.0.1:9000/parley",
		"http://localhost:9000/parley", "http://[::1]:9000/a1"} {
		if err := CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"http://s3.example.com/parley":          "plain http",
		"http://10.0.0.1/parley":                "plain http",
		"http://127.0.0.1.example.com/parley":   "plain http",
		"ftp://s3.example.com/parley":           "https://",
		"s3.example.com/parley":                 "https://",
		"https:///parley":                       "host",
		"https://s3.example.com":                "bucket",
		"https://s3.example.com/":               "bucket",
		"https://s3.example.com/a/b":            "bucket",
		"https://s3.example.com/parley/":        "bucket",
		"https://s3.example.com/Parley":         "bucket",
		"https://s3.example.com/a.b":            "bucket",
		"https://key:hunter2@example.com/parle": "credentials",
		"https://s3.example.com/parley?a=b":     "credentials",
		"https://hunter2%zz/parley":             "form",
	} {
		err := CheckURL(bad)
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want something of %q", bad, err, why)
		}
	}
}

func TestAStoreElsewhereIsRefused(t *testing.T) {
	s := newSite(t)
	located := func(answer string, status int) lie {
		return func(w http.ResponseWriter, r *http.Request, pass http.HandlerFunc) {
			if !is(r, http.MethodGet, "location") {
				pass(w, r)
				return
			}
			w.WriteHeader(status)
			w.Write([]byte(answer))
		}
	}
	for name, c := range map[string]struct {
		region string
		lie    lie
		words  string
	}{
		"the store says another region":     {"cn-north-2", honest, `is in "cn-north-1", data must stay in "cn-north-2"`},
		"the store does not say":            {s.Region, located(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`, 200), "does not tell"},
		"the store says nothing":            {s.Region, located(``, 200), "does not tell"},
		"the store refuses to say":          {s.Region, located(`<Error><Code>AccessDenied</Code></Error>`, 403), "reader-policy.json"},
		"the store knows no such question":  {s.Region, located(`<Error><Code>NotImplemented</Code></Error>`, 400), "NotImplemented"},
		"the store answers a page of words": {s.Region, located(`<html><body>hello</html>`, 200), "does not tell"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newLiar(t, s, c.lie).config()
			cfg.Region = c.region
			b, err := Open(t.Context(), cfg)
			if err == nil {
				b.Close()
			}
			if !errors.Is(err, ErrRegion) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("open: %v, want %v with %q", err, ErrRegion, c.words)
			}
		})
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://s3.example.com:9000/parley", "http://[::1]:9000/a1", "https://u:s3cret!@h/parley", "https://h/parley?k=s3cret!", "https://h:s3cret!/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseURL(s)
		if err != nil && strings.Contains(err.Error(), "s3cret!") {
			t.Errorf("the error tells a secret: %v", err)
		}
		if err == nil && (e.host == "" || !bucketName.MatchString(e.name) || !e.secure && !strings.HasPrefix(strings.ToLower(s), "http://")) {
			t.Errorf("%q is taken for %+v", s, e)
		}
	})
}

// FuzzLocation has a store say anything about where a bucket is: only 200 or a refusal that names a region tells one.
func FuzzLocation(f *testing.F) {
	f.Add(200, []byte(`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">cn-north-1</LocationConstraint>`), false)
	f.Add(400, []byte(`<Error><Code>AuthorizationHeaderMalformed</Code><Region>cn-north-1</Region></Error>`), true)
	f.Add(200, []byte(`<html>`), true)
	f.Add(503, []byte(``), false)
	f.Fuzz(func(t *testing.T, status int, body []byte, amazon bool) {
		region, err := readLocation(status, body, amazon)
		if err != nil && region != "" || err == nil && status != http.StatusOK && region == "" {
			t.Errorf("%d %q: in %q, %v", status, body, region, err)
		}
	})
}
