package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"parley/internal/identity"
	"parley/internal/testenv/engines"
)

// engineSet is one of each engine, for all scripts: databases, buckets and Redis channels of each are its own.
type engineSet struct {
	postgres *engines.Postgres
	redis    *engines.Process
	minio    *engines.Minio
}

var sharedEngines = sync.OnceValues(startEngines)

func startEngines() (*engineSet, error) {
	ctx := context.Background()
	postgres, err1 := engines.StartPostgres(ctx)
	redis, err2 := engines.StartRedis(ctx)
	minio, err3 := engines.StartMinio(ctx)
	return &engineSet{postgres, redis, minio}, errors.Join(err1, err2, err3)
}

// condition is what scripts may ask about: [engines] says whether the engines are installed; with CI=true they must be.
func condition(name string) (bool, error) {
	if name != "engines" {
		return false, fmt.Errorf("no condition %q", name)
	}
	_, err := sharedEngines()
	if errors.Is(err, engines.ErrMissing) && os.Getenv("CI") != "true" {
		return false, nil
	}
	return err == nil, err
}

// setUp gives scripts $DEPLOY, the folder of that name.
func setUp(env *testscript.Env) error {
	deploy, err := filepath.Abs("../../deploy")
	env.Setenv("DEPLOY", deploy)
	return err
}

// apiKey and apiSecret sign the tokens of scripts whose server has no demo users.
const apiKey = "script"

var apiSecret = strings.Repeat("script", 8)

// onEngines writes the settings of nodes that share new databases and buckets: `engines FILE [own]`, with own on engines that
// no other script uses. $DATABASE and $VAULT are the databases' addresses, $ROOT_KEY the root key's file.
func onEngines(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "own" {
		ts.Fatalf("usage: engines FILE [own]")
	}
	ctx := context.Background()
	shared, err := sharedEngines()
	ts.Check(err)
	if len(args) == 2 {
		shared = ownEngines(ts)
	}
	database, err := shared.postgres.Fresh(ctx)
	ts.Check(err)
	vault, err := shared.postgres.Fresh(ctx)
	ts.Check(err)
	writer, reader, err := shared.minio.MakeBuckets(ctx, ts.Name())
	ts.Check(err)
	folder := ts.MkAbs("certificates")
	out, err := exec.Command("sh", filepath.Join(ts.Getenv("DEPLOY"), "certificates.sh"), folder).CombinedOutput()
	if err != nil {
		ts.Fatalf("certificates.sh: %v\n%s", err, out)
	}
	root := ts.MkAbs("root.key")
	ts.Check(os.WriteFile(root, []byte("parley root key v1 "+strings.Repeat("5c", 32)+"\n"), 0o600))
	settings, err := yaml.Marshal(map[string]any{
		"http": "localhost:0", "admin": "localhost:0", "udp": "127.0.0.1:0", "api-key": apiKey, "api-secret": apiSecret,
		"database": database, "vault": vault, "root-key": root, "redis": "redis://" + shared.redis.Addr,
		"s3": shared.minio.URL(ts.Name()), "region": shared.minio.Region,
		"s3-writer": writer.Key + ":" + writer.Secret, "s3-reader": reader.Key + ":" + reader.Secret,
		"cluster": "127.0.0.1:0", "cluster-tls": filepath.Join(folder, "node"),
		"webhook": "http://127.0.0.1:9/events", "webhook-secret": []string{apiSecret}, "recipient": []string{"127.0.0.1"}, // where nobody listens
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), settings, 0o600))
	ts.Setenv("DATABASE", database)
	ts.Setenv("VAULT", vault)
	ts.Setenv("ROOT_KEY", root)
}

// destroy drops databases with all they hold and makes them anew, empty: `destroy URL…`.
func destroy(ts *testscript.TestScript, _ bool, args []string) {
	shared, err := sharedEngines()
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	admin, err := pgx.Connect(ctx, shared.postgres.URL("postgres"))
	ts.Check(err)
	defer admin.Close(ctx)
	for _, address := range args {
		u, err := url.Parse(address)
		ts.Check(err)
		name := pgx.Identifier{strings.TrimPrefix(u.Path, "/")}.Sanitize()
		for _, statement := range []string{"DROP DATABASE " + name + " WITH (FORCE)", "CREATE DATABASE " + name} {
			_, err := admin.Exec(ctx, statement)
			ts.Check(err)
		}
	}
}

// converse opens a conversation on the server at $HTTP, as its platform would: $CONVERSATION, and tokens $RECRUITER, $CANDIDATE and
// $SERVICE.
func converse(ts *testscript.TestScript, _ bool, _ []string) {
	now := time.Now()
	mint := func(user string, role identity.Role) string {
		c := identity.Claims{User: identity.UserID(user), Role: role, Age: identity.Adult, Issued: now, Expires: now.Add(time.Hour)}
		if role == identity.Recruiter {
			c.Company, c.Attested = "c-1", now.Add(time.Hour)
		}
		token, err := identity.Mint(apiKey, []byte(apiSecret), c)
		ts.Check(err)
		return token
	}
	service := mint("backend", identity.Service)
	ts.Setenv("SERVICE", service)
	ts.Setenv("RECRUITER", mint("u-recruiter", identity.Recruiter))
	ts.Setenv("CANDIDATE", mint("u-candidate", identity.Candidate))
	const members = `{"key": "job-1", "members": [
		{"user": "u-recruiter", "role": "recruiter", "family_name": "王", "given_name": "敏", "company": "示例科技"},
		{"user": "u-candidate", "role": "candidate", "family_name": "李", "given_name": "晓明"}]}`
	req, err := http.NewRequest(http.MethodPost, ts.Getenv("HTTP")+"/v1/conversations", strings.NewReader(members))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+service)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	var opened struct{ ID string }
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if ts.Check(json.Unmarshal(body, &opened)); opened.ID == "" {
		ts.Fatalf("no conversation: %s", body)
	}
	ts.Setenv("CONVERSATION", opened.ID)
}

// settle waits until a metric is a number: `settle ADMIN METRIC NUMBER`.
func settle(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: settle ADMIN METRIC NUMBER")
	}
	want := []byte(args[1] + " " + args[2])
	for deadline := time.Now().Add(startTime); ; <-time.After(50 * time.Millisecond) {
		page, err := get(args[0]+"/metrics", "")
		ts.Check(err)
		if slices.ContainsFunc(bytes.Split(page, []byte("\n")), func(line []byte) bool { return bytes.Equal(line, want) }) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not %s in time", args[1], args[2])
		}
	}
}

// buildProgram builds a program of the module: `build PACKAGE FILE`.
func buildProgram(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: build PACKAGE FILE")
	}
	out, err := exec.Command("go", "build", "-o", ts.MkAbs(args[1]), args[0]).CombinedOutput()
	if err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
}
