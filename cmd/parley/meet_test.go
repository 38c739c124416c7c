package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"parley/internal/admin"
	"parley/recording"
	"parley/signal/client"
	"parley/signal/wire"
)

// guest is one side of a meeting.
type guest struct {
	session *client.Session
	user    string
	call    *client.Call
	held    string // the server's name of the session in which the call was joined
}

// meet holds an interview: `meet [-other URL] URL TOKEN TOKEN CONVERSATION`, the recruiter first; the candidate is at the
// other node if one is named. It prints "interview ID" once it is open, and "live"
// each time both hear and see each other; comes back by itself when the server was away; and hangs up when a file
// "hangup" appears.
func meet() {
	other := flag.String("other", "", "where the candidate is connected")
	flag.Parse()
	if flag.NArg() != 4 {
		fail(errUsageOfTest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), chatTime)
	defer cancel()
	var guests [2]*guest
	at := [2]string{flag.Arg(0), cmp.Or(*other, flag.Arg(0))}
	for i, token := range flag.Args()[1:3] {
		s := dial(ctx, []string{at[i], token})
		guests[i] = &guest{session: s, user: s.Welcome().User}
	}
	open, err := client.Ask[wire.InterviewState](ctx, guests[0].session, wire.InterviewOpen{Conversation: flag.Arg(3)})
	fail(err)
	fmt.Println("interview", open.ID)
	for _, g := range guests {
		_, err := g.session.Do(ctx, wire.InterviewConsent{Interview: open.ID, Version: open.Notice, Agree: true})
		fail(err)
	}
	for !hungUp() {
		fail(meetOnce(ctx, open.ID, guests))
	}
	_, err = guests[0].session.Do(ctx, wire.InterviewEnd{Interview: open.ID})
	fail(err)
	for _, g := range guests {
		_ = g.call.Close() // it ended with the interview
		fail(g.session.Close())
	}
}

func hungUp() bool {
	_, err := os.Stat("hangup")
	return err == nil
}

// patienceWithMedia is after how long without the other's picture and sound both join again, as the browser's client does.
const patienceWithMedia = 20 * time.Second

// meetOnce joins both and returns when one of them has lost the server, or sees nothing of the other, or at the end.
func meetOnce(ctx context.Context, interview string, guests [2]*guest) error {
	for _, g := range guests {
		if err := g.join(ctx, interview); err != nil {
			return err
		}
	}
	told, joined := false, time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !told && guests[0].sees(guests[1]) && guests[1].sees(guests[0]) {
			fmt.Println("live")
			told = true
		}
		if !told && time.Since(joined) > patienceWithMedia {
			fmt.Fprintln(os.Stderr, "no media; joining again")
			return nil
		}
		if hungUp() || guests[0].lost() || guests[1].lost() {
			return nil
		}
	}
}

// join joins, again and again while the server is coming back.
func (g *guest) join(ctx context.Context, interview string) error {
	if g.call != nil {
		_ = g.call.Close() // what it was joined to is gone
	}
	for {
		held := g.session.Welcome().Session
		c, err := g.session.Join(ctx, interview, client.CallOptions{Audio: true, Video: true})
		if err == nil {
			g.call, g.held = c, held
			return nil
		}
		var refused *client.Refused
		if ctx.Err() != nil || errors.As(err, &refused) && !refused.Retry {
			return err
		}
	}
}

func (g *guest) sees(other *guest) bool {
	got := g.call.Received()
	return got[client.Key{User: other.user, Label: "camera"}].Frames > 15 &&
		got[client.Key{User: other.user, Label: "microphone"}].Packets > 25
}

func (g *guest) lost() bool {
	select {
	case <-g.call.Done():
		return true
	default:
		return g.session.Welcome().Session != g.held
	}
}

// recorded waits until all of an interview's recording is sealed, checks every part's bundle by its bytes, and prints a line a part: `recorded [-killed TIME] URL
// TOKEN INTERVIEW`. With -killed the first part must be one that was recovered and reach to 0.25 s before that moment.
func recorded() {
	killed := flag.String("killed", "", "when the server was killed")
	flag.Parse()
	if flag.NArg() != 3 {
		fail(errUsageOfTest)
	}
	shown := awaitSealed(flag.Arg(0), word(flag.Arg(1)), flag.Arg(2))
	for i, p := range shown.Parts {
		if *killed != "" && i == 0 {
			fail(reaches(p, *killed))
		}
		fail(intact(flag.Arg(0), word(flag.Arg(1)), p))
		fmt.Println(p.State, len(p.Sides), "sides, intact")
		for _, g := range p.Gaps {
			fmt.Fprintln(os.Stderr, "gap", g.Reason, g.From, g.To)
		}
	}
}

func awaitSealed(url, token, interview string) admin.InterviewRecording {
	for deadline := time.Now().Add(startTime); ; <-time.After(50 * time.Millisecond) {
		var shown admin.InterviewRecording
		b, err := get(url+"/v1/interviews/"+interview+"/recording", token)
		fail(err)
		fail(json.Unmarshal(b, &shown))
		running := len(shown.Parts) == 0
		for _, p := range shown.Parts {
			running = running || p.State == "recording"
		}
		if !running {
			return shown
		}
		if time.Now().After(deadline) {
			fail(fmt.Errorf("not sealed in time: %s", b))
		}
	}
}

// reaches says whether a part that a kill ended holds all but the last quarter second before it, of each side.
func reaches(p admin.Part, killed string) error {
	at, err := time.Parse(time.RFC3339Nano, killed)
	if err != nil {
		return err
	}
	if p.State != "recovered" {
		return fmt.Errorf("the part is %s", p.State)
	}
	for _, s := range p.Sides {
		end := p.Started.Add(time.Duration(s.Start+s.Duration) * time.Millisecond)
		if lost := at.Sub(end); lost > 250*time.Millisecond {
			return fmt.Errorf("a side lacks the last %v before the kill", lost)
		}
	}
	return nil
}

func intact(url, token string, p admin.Part) error {
	b, err := getStored(url+"/v1/recordings/"+p.Recording+"/bundle", token)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err
	}
	var public struct{ Keys []admin.SigningKey }
	if b, err = get(url+"/v1/keys", token); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &public); err != nil {
		return err
	}
	report, err := recording.Verify(z, public.Keys[0].Public, *p.Head)
	if err != nil {
		return err
	}
	if !report.Intact() {
		return fmt.Errorf("the bundle is not intact: %v", report.Findings)
	}
	return nil
}

// getStored is get that waits for what another node is still storing.
func getStored(url, token string) ([]byte, error) {
	for deadline := time.Now().Add(startTime); ; <-time.After(50 * time.Millisecond) {
		b, err := get(url, token)
		if err == nil || !strings.HasPrefix(err.Error(), "503 ") || time.Now().After(deadline) {
			return b, err
		}
	}
}

func get(url, token string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", res.StatusCode, b)
	}
	return b, err
}
