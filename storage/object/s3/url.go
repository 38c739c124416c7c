package s3

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// endpoint is where a store is.
type endpoint struct {
	host   string // with the port, if any
	secure bool
	name   string // what the names of its buckets begin with
}

// CheckURL says whether the URL of a store can be used: https://HOST[:PORT]/BUCKET, or http on loopback only (A4). The
// error never repeats the URL.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// bucketName is an S3 bucket's name without dots, which certificates of "*.host" do not cover, and with room for a class.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

func parseURL(raw string) (endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, errors.New("store URL: not a URL of the form https://HOST[:PORT]/BUCKET")
	}
	e := endpoint{host: u.Host, secure: u.Scheme == "https", name: strings.TrimPrefix(u.Path, "/")}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return endpoint{}, errors.New("store URL: must begin with https://")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, errors.New("store URL: holds a user, query or fragment; credentials are given apart")
	case u.Hostname() == "":
		return endpoint{}, errors.New("store URL: has no host")
	case !bucketName.MatchString(e.name):
		return endpoint{}, errors.New("store URL: the path must be a bucket name of 2 to 40 letters a-z, digits and hyphens")
	case !e.secure && !loopback(u.Hostname()):
		return endpoint{}, errors.New("store URL: plain http leaves the machine in clear; use https (http is for loopback only)")
	}
	return e, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// className is a class as a key and a bucket can carry it. Without hyphens, so that no two classes share a bucket and
// keys sort as their buckets do.
var className = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

func checkClasses(classes map[string]Class) error {
	for name, class := range classes {
		if !className.MatchString(name) {
			return fmt.Errorf("class %q: must be 1 to 20 letters a-z and digits", name)
		}
		if class.Days < 1 {
			return fmt.Errorf("class %q: must be locked for at least a day", name)
		}
	}
	return nil
}
