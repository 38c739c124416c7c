package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/admin"
	"parley/internal/server"
	"parley/web"
)

// devCommand runs everything embedded, for a first look and for tests.
type devCommand struct {
	Config
	JSON bool `name:"json" help:"When ready print one line of JSON (addresses, users and tokens) and nothing else to standard output."`
}

// Run serves the demo until a signal comes.
func (d *devCommand) Run(ctx context.Context, hurry hurry, io streams) error {
	if d.Data == "" {
		d.Data = devFolder()
	}
	if err := d.check(); err != nil {
		return err
	}
	cfg, err := d.server(io)
	if err != nil {
		return err
	}
	key, err := openDevKey(d.Data)
	if err != nil {
		return err
	}
	if cfg.Tokens.Keys == nil {
		cfg.Tokens.Keys = map[string][]byte{}
	}
	cfg.Tokens.Keys[key.ID] = key.Secret
	demo := &demo{key: key, issuer: d.Issuer, audience: d.Audience, now: time.Now}
	cfg.Pages, cfg.Seats, cfg.Hurry = web.Demo(), demo, hurry
	return d.start(ctx, io, cfg, demo)
}

func (d *devCommand) start(ctx context.Context, io streams, cfg server.Config, demo *demo) error {
	node, err := server.New(cfg)
	if err != nil {
		return err
	}
	if err := node.Open(ctx); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return node.Run(ctx) })
	work.Go(func() error {
		if err := demo.open(ctx, node.URL()); err != nil {
			return fmt.Errorf("open the demo: %w", err)
		}
		return d.announce(io.out, node, demo)
	})
	return work.Wait()
}

// devFolder is where the demo's data lies unless --data says otherwise: kept between runs where that is possible.
func devFolder() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "parley", "dev")
}

// ready is the line that dev --json prints.
type ready struct {
	HTTP         string          `json:"http"`
	Admin        string          `json:"admin"`
	Data         string          `json:"data"`
	Conversation string          `json:"conversation"`
	Users        map[string]user `json:"users"`
	Service      struct {
		Token string `json:"token"`
	} `json:"service"`
}

func (d *devCommand) announce(out io.Writer, node *server.Server, demo *demo) error {
	if !d.JSON {
		_, err := fmt.Fprintf(out, welcome, node.URL(), node.URL(), d.Data, node.AdminURL())
		return err
	}
	seats, err := demo.seats()
	if err != nil {
		return err
	}
	line := ready{HTTP: node.URL(), Admin: node.AdminURL(), Data: d.Data, Conversation: seats.Conversation, Users: seats.Users}
	if line.Service.Token, err = demo.service(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(line)
}

const welcome = `
  Parley is ready:  %s

  1. Open %s and take the recruiter's seat (王经理), then the candidate's (李晓明) in another tab.
  2. Write to each other. The recruiter sees “李**” until the candidate discloses the name.
  3. As the recruiter press “开始面试 / Start interview”; agree on both sides; hang up; play it back.

  Data    %s (kept; delete the folder to begin anew)
  Admin   %s (health, metrics, profiles)
  Ctrl-C stops.

`

// open opens the demo's conversations through the API, as a platform's backend would. Opening them again finds them.
func (d *demo) open(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var first string
	for i, c := range demoConversations {
		id, err := d.openOne(ctx, url, c)
		if err != nil {
			return err
		}
		if i == 0 {
			first = id
		}
	}
	d.conversation.Store(&first)
	return nil
}

func (d *demo) openOne(ctx context.Context, url string, c admin.NewConversation) (string, error) {
	token, err := d.service()
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/conversations", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: ownServer()}).Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		ID string `json:"id"`
		admin.Problem
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("answer %d: %w", res.StatusCode, err)
	}
	if res.StatusCode/100 != 2 {
		return "", errors.New(answer.Problem.Error())
	}
	return answer.ID, nil
}
