package admin

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The rest of a body that was not read to its end must never be taken for another request: behind a proxy that would be
// somebody else's.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel() // it waits for the body's deadline
	h := newHouse()
	s := httptest.NewServer(h.api)
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	send := func(s string) { _, _ = io.WriteString(c, s) } // the server may have hung up, which is right
	send("POST /v1/conversations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer service/s\r\n" +
		"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	in := bufio.NewReader(c)
	first, err := http.ReadResponse(in, nil)
	if err != nil || first.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v", first, err)
	}
	_, _ = io.Copy(io.Discard, first.Body)
	send("GET /v1/texts/interview-recording@1 HTTP/1.1\r\nHost: h\r\n\r\n")
	if second, err := http.ReadResponse(in, nil); err == nil {
		t.Errorf("what belongs to the body was answered with %d", second.StatusCode)
	}
}
