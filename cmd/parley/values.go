package main

import (
	"fmt"
	"net/netip"
	"time"
)

// span is a time such as 30s in a setting.
type span time.Duration

// UnmarshalText names the fix.
func (s *span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no time; write a number and its unit, such as 30s or 5m", b)
	}
	*s = span(d)
	return nil
}

func (s span) String() string { return time.Duration(s).String() }

// ip is an IP address in a setting.
type ip struct{ netip.Addr }

// UnmarshalText names the fix.
func (i *ip) UnmarshalText(b []byte) error {
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return fmt.Errorf("%q is no IP address; write one such as 203.0.113.7, not a name", b)
	}
	i.Addr = a
	return nil
}

// addresses are those of the settings.
func addresses(list []ip) []netip.Addr {
	var all []netip.Addr
	for _, i := range list {
		all = append(all, i.Addr)
	}
	return all
}
