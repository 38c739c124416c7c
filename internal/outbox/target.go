package outbox

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Target is where events go. The URL may hold a secret path: it is never shown.
type Target struct {
	URL     string
	Secrets []Secret // one, or two while they are exchanged
}

// String hides the URL.
func (Target) String() string { return "[webhook]" }

// GoString hides the URL.
func (Target) GoString() string { return "[webhook]" }

func (t Target) check() error {
	return errors.Join(CheckTarget(t.URL, "", nil), CheckSecrets(t.Secrets))
}

// CheckTarget says why events may not go to the URL: it is none, it is not TLS and leaves the machine (A4), it holds
// credentials, or, where a region is set, its host is not among those that the operator declared inside the region or
// allowed (L4). Ports are not compared. Errors name the host at most.
//
// It does not look at where the host's name leads: the URL is the operator's own configuration, never a user's, so
// there is nobody to keep from reaching inside.
func CheckTarget(target, region string, allowed []string) error {
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return errors.New("webhook: no URL of the form https://host/path") // the cause would quote it
	}
	host := plainHost(u.Hostname())
	switch {
	case u.User != nil:
		return errors.New("webhook: the URL holds credentials; requests are signed, so it needs none")
	case u.Fragment != "":
		return errors.New("webhook: the URL holds a fragment, which is never sent")
	case u.Scheme == "http" && !loopback(host), u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("webhook: %s is not reached by https; only loopback may do without", host)
	case region != "" && !slices.ContainsFunc(allowed, func(a string) bool { return plainHost(a) == host }):
		return fmt.Errorf("webhook: %s is not declared to be inside the region %s, nor allowed as a recipient", host, region)
	}
	return nil
}

// plainHost is the name in lower case, without the root's dot, a port or brackets.
func plainHost(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
