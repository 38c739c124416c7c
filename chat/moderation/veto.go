package moderation

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Veto is a webhook that is asked before a message is stored. It is sent the message: whoever configures it has opted in
// (A6), and its host must be where data may go (L4).
type Veto struct {
	URL     string
	Secret  outbox.Secret
	Timeout time.Duration
	// OnTimeout is the answer if the webhook gives none: Allow or Refuse.
	OnTimeout Action
	Types     []string // of entries; empty: all
}

// String hides the URL.
func (Veto) String() string { return "[veto]" }

// GoString hides the URL.
func (Veto) GoString() string { return "[veto]" }

// Limits of a veto.
const (
	vetoTimeout   = time.Second     // unless the rules say otherwise
	vetoLongest   = 5 * time.Second // that they may say
	vetoAtOnce    = 64              // questions under way
	vetoFailures  = 5               // in a row, after which the webhook is left alone
	vetoRest      = 5 * time.Second // for so long
	maxVetoAnswer = 16 << 10        // bytes
)

// vetoable are the types that people write.
var vetoable = []string{
	chat.TypeText, chat.TypePicture, chat.TypeVoice, chat.TypeVideo, chat.TypeFile, chat.TypeResume, chat.TypeJob, chat.TypeEdit,
	chat.TypeReaction, chat.TypeExchange, chat.TypeAppointment,
}

// veto judges what the file says; nil for none.
func (f *vetoFile) veto(w Where) (*Veto, error) {
	if f == nil {
		return nil, nil
	}
	v := &Veto{URL: f.URL.value, Secret: outbox.Secret(f.Secret.value), Timeout: vetoTimeout}
	if err := outbox.CheckTarget(v.URL, w.Region, w.Recipients); err != nil {
		return nil, f.URL.wrong("veto: %w", err)
	}
	if err := outbox.CheckSecrets([]outbox.Secret{v.Secret}); err != nil {
		return nil, f.Secret.wrong("veto: %w", err)
	}
	if f.Timeout.value != "" {
		d, err := time.ParseDuration(f.Timeout.value)
		if err != nil || d < 50*time.Millisecond || d > vetoLongest {
			return nil, f.Timeout.wrong("a timeout is between 50ms and %v", vetoLongest)
		}
		v.Timeout = d
	}
	if v.OnTimeout = actions[f.OnTimeout.value]; v.OnTimeout != Allow && v.OnTimeout != Refuse {
		return nil, (&at[string]{line: max(f.OnTimeout.line, f.URL.line)}).wrong("on_timeout is allow or refuse")
	}
	for _, t := range f.Types {
		if !slices.Contains(vetoable, t.value) {
			return nil, t.wrong("people write no entries of this type")
		}
		v.Types = append(v.Types, t.value)
	}
	return v, nil
}

// question is what the webhook is asked.
type question struct {
	Conversation chat.ConversationID `json:"conversation"`
	Sender       identity.UserID     `json:"sender"`
	Role         identity.Role       `json:"role"`
	To           []identity.Role     `json:"to"`
	CID          chat.ClientID       `json:"cid"`
	Type         string              `json:"type"`
	Content      json.RawMessage     `json:"content"` // as it would be stored
	Confirmed    bool                `json:"confirmed,omitempty"`
}

// verdict is what it answers.
type verdict struct {
	Action string            `json:"action"`
	Text   map[string]string `json:"text"`
}

// inspector asks webhooks. Any goroutine may use it.
type inspector struct {
	client  *http.Client
	now     func() time.Time
	metrics *metrics
	places  chan struct{}
	failed  atomic.Int64 // times in a row
	rests   atomic.Int64 // until when the webhook is left alone, Unix nanoseconds
}

func newInspector(trust *x509.CertPool, now func() time.Time, m *metrics) *inspector {
	return &inspector{
		now: now, metrics: m, places: make(chan struct{}, vetoAtOnce),
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trust},
				MaxIdleConnsPerHost: vetoAtOnce, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (i *inspector) close() { i.client.CloseIdleConnections() }

// ask returns what the webhook says of an attempt; if it says nothing in time, what the rules say for that.
func (i *inspector) ask(ctx context.Context, v *Veto, a chat.Attempt, content json.RawMessage) verdict {
	answer, err := i.try(ctx, v, a, content)
	if err != nil {
		i.metrics.veto.WithLabelValues("none").Inc()
		return verdict{Action: v.OnTimeout.String()}
	}
	i.metrics.veto.WithLabelValues(answer.Action).Inc()
	return answer
}

var errResting = errors.New("moderation: the webhook is left alone")

func (i *inspector) try(ctx context.Context, v *Veto, a chat.Attempt, content json.RawMessage) (verdict, error) {
	if i.now().UnixNano() < i.rests.Load() {
		return verdict{}, errResting
	}
	select {
	case i.places <- struct{}{}:
		defer func() { <-i.places }()
	default:
		return verdict{}, errResting
	}
	answer, err := i.post(ctx, v, questionOf(a, content))
	switch {
	case err == nil:
		i.failed.Store(0)
	case ctx.Err() == nil && i.failed.Add(1) >= vetoFailures:
		i.failed.Store(0)
		i.rests.Store(i.now().Add(vetoRest).UnixNano())
	}
	return answer, err
}

func questionOf(a chat.Attempt, content json.RawMessage) question {
	q := question{
		Conversation: a.Conversation, Sender: a.By.User, Role: a.By.Role, CID: a.CID, Type: a.Type, Content: content, Confirmed: a.Confirmed,
	}
	for _, o := range a.Others {
		q.To = append(q.To, o.Role)
	}
	return q
}

func (i *inspector) post(ctx context.Context, v *Veto, q question) (answer verdict, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return answer, fmt.Errorf("encode question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL, bytes.NewReader(body))
	if err != nil {
		return answer, errors.New("moderation: no request for the webhook") // the cause would quote the URL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Parley")
	req.Header.Set(outbox.SignatureHeader, outbox.Sign(i.now(), body, []outbox.Secret{v.Secret}))
	res, err := i.client.Do(req)
	if err != nil {
		return answer, errors.New("moderation: the webhook does not answer")
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxVetoAnswer))
	if err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(raw, &answer) != nil {
		return verdict{}, errors.New("moderation: the webhook's answer is none")
	}
	if a := actions[answer.Action]; a != Allow && a != Confirm && a != Refuse {
		return verdict{}, errors.New("moderation: the webhook's answer is none")
	}
	return answer, nil
}

// covers says whether entries of the type are asked about.
func (v *Veto) covers(kind string) bool {
	return slices.Contains(vetoable, kind) && (len(v.Types) == 0 || slices.Contains(v.Types, kind))
}
