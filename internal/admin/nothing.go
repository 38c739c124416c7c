package admin

import (
	"net/http"
	"strings"

	"parley/internal/policy"
)

// everything is the pattern of what no operation takes.
const everything = "/v1/"

// methods are those that a request is tried with to find which ones a path takes.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// nothingHere answers what no operation takes: 405 with the methods that the path does take (RFC 9110, 15.5.6), 404 if it
// takes none. Which paths there are is public, in the description.
func (a *API) nothingHere(w http.ResponseWriter, r *http.Request) {
	allow := a.allowed(r)
	if len(allow) == 0 {
		problem(policy.ErrNotFound).write(w)
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	p := problem(policy.ErrBadRequest.With("This address does not take that method; the header Allow names those it takes.",
		"该地址不支持此请求方法，可用方法见 Allow 响应头。"))
	p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
	p.write(w)
}

// allowed are the methods that the path of the request takes.
func (a *API) allowed(r *http.Request) (allow []string) {
	for _, m := range methods {
		try := *r
		try.Method = m
		if _, pattern := a.mux.Handler(&try); pattern != everything && pattern != "" {
			allow = append(allow, m)
		}
	}
	return allow
}
