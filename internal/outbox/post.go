package outbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Limits of an answer, in bytes. Nothing of it is kept; what is read lets the connection be used again.
const (
	maxAnswer  = 4 << 10
	maxHeaders = 16 << 10
)

// The reasons why a try failed: what metrics, logs and dead letters say. None holds anything of the target.
const (
	reasonMalformed = "malformed"
	reasonTimeout   = "timeout"
	reasonName      = "name" // the host's name leads nowhere
	reasonTLS       = "tls"
	reasonConnect   = "connect"
	reasonRedirect  = "redirect"
	reasonStatus4   = "status 4xx"
	reasonStatus5   = "status 5xx"
	reasonStatus    = "status"
)

// newClient makes the client of one target. It follows no redirect: a signed event goes where the operator said.
func newClient(c Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: c.Timeout, KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Trust},
			TLSHandshakeTimeout:    c.Timeout,
			MaxConnsPerHost:        c.Concurrency,
			MaxIdleConnsPerHost:    c.Concurrency,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeaders,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// failure is why a try failed, and the least wait that the target asked for.
type failure struct {
	reason string
	wait   time.Duration
}

// post tries once. nil means that the target has the event: it answered 2xx.
func (o *Outbox) post(ctx context.Context, e Event) *failure {
	body, err := e.Body()
	if err != nil {
		return &failure{reason: reasonMalformed}
	}
	ctx, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.Target.URL, bytes.NewReader(body))
	if err != nil {
		return &failure{reason: reasonMalformed}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Parley")
	req.Header.Set(SignatureHeader, Sign(o.cfg.Now(), body, o.cfg.Target.Secrets))
	res, err := o.client.Do(req)
	if err != nil {
		return &failure{reason: why(err)}
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // the status says all
	return judge(res)
}

func judge(res *http.Response) *failure {
	switch res.StatusCode / 100 {
	case 2:
		return nil
	case 3:
		return &failure{reason: reasonRedirect}
	case 4:
		return &failure{reason: reasonStatus4, wait: retryAfter(res)}
	case 5:
		return &failure{reason: reasonStatus5, wait: retryAfter(res)}
	}
	return &failure{reason: reasonStatus}
}

// retryAfter is the wait that the target asks for in seconds, within bounds.
func retryAfter(res *http.Response) time.Duration {
	s, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || s < 0 {
		return 0
	}
	return time.Duration(min(s, int(longestWait/time.Second))) * time.Second
}

// why sorts an error of the client into a reason: its text may hold the URL or an address.
func why(err error) string {
	var timeout interface{ Timeout() bool }
	var name *net.DNSError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return reasonTimeout
	case errors.As(err, &name):
		return reasonName
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &alert), errors.As(err, &record), errors.As(err, &cert), errors.As(err, &unknown):
		return reasonTLS
	}
	return reasonConnect
}
