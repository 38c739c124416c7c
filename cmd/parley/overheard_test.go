package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/rogpeppe/go-internal/testscript"
)

var (
	ownMu sync.Mutex
	own   = map[string]*engineSet{} // by script
)

// ownEngines are the script's own: it may kill them, and hears nobody else in them.
func ownEngines(ts *testscript.TestScript) *engineSet {
	set, err := startEngines()
	ts.Check(err)
	ts.Defer(func() {
		if err := errors.Join(set.postgres.Close(), set.redis.Close(), set.minio.Close()); err != nil {
			ts.Logf("close engines: %v", err)
		}
	})
	ownMu.Lock()
	defer ownMu.Unlock()
	own[ts.Name()] = set
	return set
}

func ownedEngines(ts *testscript.TestScript) *engineSet {
	ownMu.Lock()
	defer ownMu.Unlock()
	set := own[ts.Name()]
	if set == nil {
		ts.Fatalf("this script has no engines of its own")
	}
	return set
}

// outage kills one of the script's own engines and starts it again: `outage postgres|redis|minio`.
func outage(ts *testscript.TestScript, _ bool, args []string) {
	set := ownedEngines(ts)
	all := map[string]interface {
		Kill() error
		Start(context.Context) error
	}{"postgres": set.postgres, "redis": set.redis, "minio": set.minio}
	if len(args) != 1 || all[args[0]] == nil {
		ts.Fatalf("usage: outage ENGINE")
	}
	ts.Check(all[args[0]].Kill())
	ts.Check(all[args[0]].Start(context.Background()))
}

// overhear writes what those who run the engines can see, of the script's own:
//
//	overhear redis FILE      each command that it gets from now on
//	overhear postgres FILE   its log until now
//	overhear statements      each statement from now on, with its parameters, goes to that log
//	overhear store FILE      names, headers and bytes of all versions of all objects
func overhear(ts *testscript.TestScript, _ bool, args []string) {
	set := ownedEngines(ts)
	ways := map[string]func(*engineSet, string) error{"redis": hearRedis, "postgres": hearPostgres, "statements": hearStatements, "store": hearStore}
	if len(args) < 1 || ways[args[0]] == nil {
		ts.Fatalf("usage: overhear redis|postgres|statements|store [FILE]")
	}
	file := ""
	if len(args) > 1 {
		file = ts.MkAbs(args[1])
	}
	ts.Check(ways[args[0]](set, file))
}

// hearRedis returns once Redis has begun to tell; the file grows until Redis ends.
func hearRedis(set *engineSet, file string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	c, err := net.Dial("tcp", set.redis.Addr)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	if _, err := io.WriteString(c, "MONITOR\r\n"); err != nil {
		return errors.Join(err, c.Close(), out.Close())
	}
	lines := bufio.NewReader(c)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
		return errors.Join(fmt.Errorf("monitor: %q: %w", line, err), c.Close(), out.Close())
	}
	go func() {
		defer c.Close()
		defer out.Close()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // Redis was killed
			}
			fmt.Fprintln(out, unescaped(line))
		}
	}()
	return nil
}

// unescaped is a line of MONITOR with the arguments as they are.
func unescaped(line string) string {
	var plain strings.Builder
	for rest := line; ; {
		before, after, found := strings.Cut(rest, `"`)
		plain.WriteString(before)
		if !found {
			return plain.String()
		}
		quoted, err := strconv.QuotedPrefix(`"` + after)
		if err != nil {
			plain.WriteString(after)
			return plain.String()
		}
		text, _ := strconv.Unquote(quoted) // QuotedPrefix has found it good
		plain.WriteString(text)
		rest = after[len(quoted)-1:]
	}
}

func hearPostgres(set *engineSet, file string) error {
	log, err := os.ReadFile(filepath.Join(set.postgres.Dir, "engine.log"))
	if err != nil {
		return err
	}
	return os.WriteFile(file, log, 0o600)
}

func hearStatements(set *engineSet, _ string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := pgx.Connect(ctx, set.postgres.URL("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for _, statement := range []string{"ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_parameter_max_length_on_error = -1",
		"SELECT pg_reload_conf()"} {
		if _, err := c.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func hearStore(set *engineSet, file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	owner, err := set.minio.Owner()
	if err != nil {
		return err
	}
	buckets, err := owner.ListBuckets(ctx)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, b := range buckets {
		for o := range owner.ListObjects(ctx, b.Name, minio.ListObjectsOptions{Recursive: true, WithVersions: true, WithMetadata: true}) {
			if err := errors.Join(o.Err, hearObject(ctx, owner, b.Name, o, out)); err != nil {
				return err
			}
		}
	}
	return nil
}

func hearObject(ctx context.Context, owner *minio.Client, bucket string, o minio.ObjectInfo, out io.Writer) error {
	if o.Err != nil || o.IsDeleteMarker {
		return nil
	}
	r, err := owner.GetObject(ctx, bucket, o.Key, minio.GetObjectOptions{VersionID: o.VersionID})
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "object", bucket, o.Key, info.Metadata, info.UserMetadata, info.UserTags)
	_, err = io.Copy(out, r)
	return err
}

// silent wants that none of the secrets stands in the file, in any form in which a program writes bytes, whatever has
// become of letters that are not ASCII: `silent FILE SECRET…`.
func silent() {
	flag.Parse()
	if flag.NArg() < 2 {
		fail(errUsageOfTest)
	}
	text, err := os.ReadFile(flag.Arg(0))
	fail(err)
	if len(text) == 0 {
		fail(fmt.Errorf("%s is empty: nothing was looked at", flag.Arg(0)))
	}
	text = bytes.ToLower(text)
	var found []string
	for _, secret := range flag.Args()[1:] {
		if tells(text, secret) {
			found = append(found, secret)
		}
	}
	for _, secret := range found {
		fmt.Println("tells", secret)
	}
	if len(found) > 0 {
		fail(fmt.Errorf("%s tells %d of %d", flag.Arg(0), len(found), flag.NArg()-1))
	}
	fmt.Println("none of", flag.NArg()-1)
}

// tells says whether a text in lower case holds the secret.
func tells(text []byte, secret string) bool {
	forms := []string{secret, strings.Trim(strconv.QuoteToASCII(secret), `"`), hex.EncodeToString([]byte(secret))}
	for shift := range 3 { // how it stands in base64 depends on what stands before it
		b := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), secret...))
		forms = append(forms, b[min(2*shift, len(b)-1):len(b)-1])
	}
	for _, form := range forms {
		if bytes.Contains(text, []byte(strings.ToLower(form))) {
			return true
		}
	}
	return false
}
