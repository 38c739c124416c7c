package s3

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A store that sends requests on does not get data, nor a signed request, out of its region (L4): each way that this Bucket
// asks ends at the host that was named.
func TestARequestIsNotSentOnElsewhere(t *testing.T) {
	var elsewhere, asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			w.Header().Set("X-Amz-Bucket-Region", "elsewhere-1")
			http.Redirect(w, r, other.URL+r.URL.Path, status)
		}))
		b := unproven(t, Config{URL: store.URL + "/parley", Region: "here-1", Writer: NewCredential("w", "ws"), Reader: NewCredential("r", "rs")})
		b.patience.attempts, b.patience.request = 1, 5*time.Second
		if err := b.Put(t.Context(), "part/x", []byte("x")); err == nil {
			t.Errorf("%d: put", status)
		}
		if _, err := whole(t, b, "part/x"); err == nil {
			t.Errorf("%d: got", status)
		}
		if _, err := b.Stat(t.Context(), "part/x"); err == nil {
			t.Errorf("%d: saw", status)
		}
		if err := b.prove(t.Context()); err == nil || strings.Contains(err.Error(), other.URL) {
			t.Errorf("%d: proved, or told where to: %v", status, err)
		}
		store.Close()
	}
	if elsewhere.Load() != 0 || asked.Load() < 4*4 {
		t.Errorf("%d requests went elsewhere, %d to the store", elsewhere.Load(), asked.Load())
	}
}
