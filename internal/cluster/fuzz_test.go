package cluster

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"parley/internal/policy"
)

// FuzzLines has a node send anything as a stream: it is a line, an end or an error, and never more than the bound.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "\n", "{}\n", `{"v":{"N":1}}` + "\n" + `{"end":true}` + "\n", `{"end":true,"problem":{}}` + "\n",
		`{"problem":{"elsewhere":"b"}}` + "\n", `{"problem":{"refusal":{"ID":"x"}}}` + "\n", `{"v":"` + "\n", "null\n", "[]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Stream{body: io.NopCloser(bytes.NewReader(b)), lines: bufio.NewReader(bytes.NewReader(b)), cancel: func() {}}
		for n := 0; ; n++ {
			var v struct{ N int }
			err := s.Recv(&v)
			if errors.Is(err, io.EOF) || errors.Is(err, ErrUnreachable) {
				return
			}
			if n > bytes.Count(b, []byte{'\n'}) {
				t.Fatalf("more lines than there are in %q", b)
			}
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add(422, []byte(`{"refusal":{"ID":"not_found","Status":404}}`))
	f.Add(422, []byte(`{}`))
	f.Add(422, []byte(`null`))
	f.Add(200, []byte(``))
	f.Add(302, []byte(``))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if err := answered(status, body); (err == nil) != (status == http.StatusOK) {
			t.Errorf("status %d: %v", status, err)
		}
	})
}

func TestALineThatIsTooLongIsNotRead(t *testing.T) {
	endless := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("x"), 3*MaxBody)), bytes.NewReader([]byte("\n")))
	s := &Stream{body: io.NopCloser(endless), lines: bufio.NewReader(endless), cancel: func() {}}
	if err := s.Recv(nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestAnOutletTakesNoMoreThanItsBound(t *testing.T) {
	cut := 0
	o := newOutlet(100, func() { cut++ })
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = o.Send("0123456789")
	}
	if !errors.Is(err, ErrSlow) || cut != 1 || len(o.queue) != 0 {
		t.Errorf("%v, cut %d times, %d bytes kept", err, cut, len(o.queue))
	}
	if err := o.Send(1); !errors.Is(err, ErrSlow) || cut != 1 {
		t.Errorf("after the cut: %v, cut %d times", err, cut)
	}
	if err := (problem{}).err(); !errors.Is(err, policy.ErrInternal) {
		t.Errorf("an error that is none: %v", err)
	}
}
