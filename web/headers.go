package web

import (
	"net/http"
	"strings"
	"time"
)

// zeroTime keeps Last-Modified away: embedded files have no time of their own, the tag tells versions apart.
var zeroTime time.Time

// contentPolicy lets a page load and talk to its own origin only. Styles set from scripts are not inline styles in the
// sense of the policy, and blob: is for what is about to be uploaded, was fetched whole, or is saved. No page may be framed, and none runs a string as code.
var contentPolicy = strings.Join([]string{
	"default-src 'self'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' data: blob:",
	"media-src 'self' blob:",
	"connect-src 'self'",
	"object-src 'none'",
	"base-uri 'none'",
	"form-action 'self'",
	"frame-ancestors 'none'",
	"require-trusted-types-for 'script'",
}, "; ")

func setHeaders(h http.Header, a asset) {
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(), geolocation=(), payment=()")
}
