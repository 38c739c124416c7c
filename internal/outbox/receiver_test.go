package outbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Event is what a webhook says. Take unknown kinds and fields calmly: more may come.
type Event struct {
	ID           string    `json:"id"`
	Kind         string    `json:"kind"`
	At           time.Time `json:"at"`
	Conversation string    `json:"conversation"`
	Seq          uint64    `json:"seq"`
	Type         string    `json:"type"`
	Sender       string    `json:"sender"`
	Interview    string    `json:"interview"`
	Recording    string    `json:"recording"`
	User         string    `json:"user"`
	Channel      string    `json:"channel"`
	Class        string    `json:"class"`
	Notice       string    `json:"notice"`
	Report       string    `json:"report"`
}

// Receiver takes the webhooks of Parley.
type Receiver struct {
	Secrets []string // the new and the old one while you exchange them
	// Accept stores the event, or puts it into your own queue, and must be done within 10 s. The same id may come again,
	// also at the same time: remember ids in the transaction of what you do, and accept a known one without doing it again.
	Accept func(Event) error
}

func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 64<<10))
	if err != nil || !r.signed(req.Header.Get("Parley-Signature"), body, time.Now()) {
		http.Error(w, "not signed by Parley", http.StatusUnauthorized)
		return
	}
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	if err := r.Accept(e); err != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// signed says whether one of the signatures is one of ours over this very body, made within the last five minutes.
func (r *Receiver) signed(header string, body []byte, now time.Time) bool {
	stamp, signatures := "", []string{}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "t":
			stamp = value
		case "v1":
			signatures = append(signatures, value)
		}
	}
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	for _, secret := range r.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		want := hex.EncodeToString(mac.Sum(nil))
		for _, got := range signatures {
			if hmac.Equal([]byte(got), []byte(want)) {
				return true
			}
		}
	}
	return false
}
