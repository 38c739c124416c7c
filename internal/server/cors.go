package server

import (
	"net/http"
	"slices"
)

// cors lets pages of the configured origins use the API. Tokens go in a header, never in a cookie, so a page of another
// origin can do nothing in somebody's name; without permission it can't read an answer either.
func cors(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Retry-After, Upload-Length, Upload-Offset")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Range, Parley-Name, Upload-Length, Upload-Offset")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
