package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"parley/internal/admin"
	"parley/internal/identity"
)

// demoLife is how long tokens of the demo hold.
const demoLife = 7 * 24 * time.Hour

// person is somebody of the demo.
type person struct {
	seat, family, given, companyName string
	role                             identity.Role
	company                          identity.CompanyID
}

func (p person) id() identity.UserID { return identity.UserID("demo-" + p.seat) }

// people take the seats of the demo; the host is a recruiter, to be approved once livestreams exist.
var people = []person{
	{seat: "recruiter", family: "王", given: "经理", role: identity.Recruiter, company: "demo-tech", companyName: "示例科技"},
	{seat: "candidate", family: "李", given: "晓明", role: identity.Candidate},
	{seat: "headhunter", family: "陈", given: "思远", role: identity.Headhunter, company: "demo-hunters", companyName: "远航猎头"},
	{seat: "host", family: "周", given: "雨桐", role: identity.Recruiter, company: "demo-tech", companyName: "示例科技"},
	{seat: "support", family: "吴", given: "静", role: identity.Support},
	{seat: "approver", family: "郑", given: "安", role: identity.Approver},
	{seat: "operator", family: "冯", given: "磊", role: identity.Operator},
}

// demoConversations are open from the start; the first one is where the demo's stories play.
var demoConversations = []admin.NewConversation{
	{Key: "demo-1", Title: "高级前端工程师", Members: []admin.NewMember{people[0].member(), people[1].member()}},
	{Key: "demo-2", Title: "前端技术负责人", Members: []admin.NewMember{people[2].member(), people[1].member()}},
}

func (p person) member() admin.NewMember {
	return admin.NewMember{User: string(p.id()), Role: string(p.role), FamilyName: p.family, GivenName: p.given,
		Company: p.companyName, CompanyID: string(p.company)}
}

// demo hands out the seats.
type demo struct {
	key              devKey
	issuer, audience string
	now              func() time.Time
	conversation     atomic.Pointer[string] // the first one; nil until all are open
}

// user is what a page or a test needs to sit down.
type user struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Role  string `json:"role"`
	Token string `json:"token"`
}

type seats struct {
	Users        map[string]user `json:"users"`
	Conversation string          `json:"conversation"`
}

func (d *demo) seats() (seats, error) {
	s := seats{Users: make(map[string]user, len(people))}
	for _, p := range people {
		c := identity.Claims{User: p.id(), Role: p.role, Company: p.company, Age: identity.Adult, Factors: []string{"pwd", "otp"}}
		if p.company != "" {
			c.Attested = d.now().Add(demoLife)
		}
		token, err := d.mint(c)
		if err != nil {
			return s, err
		}
		s.Users[p.seat] = user{ID: string(p.id()), Name: p.family + p.given, Role: string(p.role), Token: token}
	}
	if id := d.conversation.Load(); id != nil {
		s.Conversation = *id
	}
	return s, nil
}

func (d *demo) service() (string, error) {
	return d.mint(identity.Claims{User: "demo-platform", Role: identity.Service})
}

func (d *demo) mint(c identity.Claims) (string, error) {
	c.Issued = d.now()
	c.Expires, c.Issuer = c.Issued.Add(demoLife), d.issuer
	if d.audience != "" {
		c.Audience = []string{d.audience}
	}
	return identity.Mint(d.key.ID, d.key.Secret, c)
}

// ServeHTTP gives the demo's pages their seats, on this machine only: who has them may do everything. A page of another site
// can't ask: its name for this machine (DNS rebinding) is refused, and its origin gets no permission to read.
func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !ownName(r.Host) {
		http.Error(w, "open the demo by the address that parley dev printed", http.StatusMisdirectedRequest)
		return
	}
	if !fromHere(r) {
		http.Error(w, "the demo's seats are for this machine only; parley token mints tokens for others", http.StatusForbidden)
		return
	}
	s, err := d.seats()
	if err != nil {
		http.Error(w, "the demo's key does not sign", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s) // whoever asked is gone
}

// ownName says that a Host header names this machine by a loopback address or as localhost.
func ownName(hostport string) bool {
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		hostport = net.JoinHostPort(strings.Trim(hostport, "[]"), "0")
	}
	return loopback(hostport)
}

// fromHere says that a request comes from this machine, and not by a proxy for somebody else.
func fromHere(r *http.Request) bool {
	return loopback(r.RemoteAddr) && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

// ownServer reaches the server of this very process, whatever name its certificate is for.
func ownServer() http.RoundTripper {
	return &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a connection to itself over loopback
	}
}
