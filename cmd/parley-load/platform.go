package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"parley/internal/identity"
	"parley/signal/client"
)

// platform is the backend of a recruiting platform: it signs tokens and opens conversations.
type platform struct {
	url    string // of the server
	keyID  string
	secret []byte
	run    string // in the names of people and conversations, so that one server can be loaded again and again
}

func newPlatform(url, keyID string, secret []byte) platform {
	return platform{strings.TrimSuffix(url, "/"), keyID, secret, strings.ToLower(rand.Text()[:10])}
}

// tokensLast is longer than any load.
const tokensLast = 24 * time.Hour

func (p platform) token(user string, role identity.Role) (string, error) {
	now := time.Now()
	c := identity.Claims{User: identity.UserID(user), Role: role, Age: identity.Adult, Factors: []string{"pwd", "otp"},
		Issued: now, Expires: now.Add(tokensLast)}
	if role == identity.Recruiter {
		c.Company, c.Attested = "load", c.Expires
	}
	return identity.Mint(p.keyID, p.secret, c)
}

// user names one of the two people of the n-th conversation.
func (p platform) user(n int, role identity.Role) string {
	return fmt.Sprintf("load-%s-%.1s-%d", p.run, role, n)
}

// open opens the n-th conversation and returns its id.
func (p platform) open(ctx context.Context, n int) (string, error) {
	type member struct {
		User   string        `json:"user"`
		Role   identity.Role `json:"role"`
		Family string        `json:"family_name"`
		Given  string        `json:"given_name"`
	}
	request := struct {
		Key     string   `json:"key"`
		Members []member `json:"members"`
	}{Key: fmt.Sprintf("load-%s-%d", p.run, n)}
	for _, role := range []identity.Role{identity.Recruiter, identity.Candidate} {
		request.Members = append(request.Members, member{p.user(n, role), role, "L", "oad"})
	}
	var opened struct{ ID string }
	if err := p.post(ctx, "/v1/conversations", request, &opened); err != nil {
		return "", fmt.Errorf("open conversation: %w", err)
	}
	return opened.ID, nil
}

func (p platform) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	token, err := p.token("load-platform", identity.Service)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return &answered{res.StatusCode, answer}
	}
	return json.Unmarshal(answer, out)
}

// answered is an HTTP answer that is no success.
type answered struct {
	status int
	body   []byte
}

func (a *answered) Error() string { return fmt.Sprintf("the server answers %d: %s", a.status, a.body) }

// tooMany says that the same may be tried again in a while.
func tooMany(err error) bool {
	a, ok := errors.AsType[*answered](err)
	return ok && a.status == http.StatusTooManyRequests
}

// dial opens the session of one of the two people of the n-th conversation.
func (p platform) dial(ctx context.Context, n int, role identity.Role, o client.Options) (*client.Session, error) {
	user := p.user(n, role)
	token, err := p.token(user, role)
	if err != nil {
		return nil, err
	}
	s, err := client.Dial(ctx, p.url+"/v1/ws", token, o)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return s, nil
}
