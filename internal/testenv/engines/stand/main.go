// Command stand runs one of each engine for tests that are not written in Go. It prints one line of JSON with where they
// are, then obeys lines on standard input, "kill ENGINE" and "start ENGINE" (postgres, redis, minio), answering each with
// a line "ok" or what went wrong; at the end of its input all engines end.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"parley/internal/testenv/engines"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stand:", err)
		os.Exit(1)
	}
}

// where says how to reach the engines. The two databases are apart: what one holds is not in a dump of the other.
type where struct {
	Database string `json:"database"`
	Vault    string `json:"vault"`
	Redis    string `json:"redis"`
	S3       string `json:"s3"`
	Region   string `json:"region"`
	Writer   string `json:"writer"` // KEY:SECRET
	Reader   string `json:"reader"`
}

// engine is one that can be killed and started again.
type engine interface {
	Kill() error
	Start(context.Context) error
	Close() error
}

func run(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	all := map[string]engine{}
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.Close())
		}
	}()
	w, err := start(ctx, all)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(w); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		answer := "ok"
		if err := obey(ctx, all, lines.Text()); err != nil {
			answer = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func start(ctx context.Context, all map[string]engine) (w where, err error) {
	postgres, err := engines.StartPostgres(ctx)
	if err != nil {
		return w, err
	}
	all["postgres"] = postgres
	redis, err := engines.StartRedis(ctx)
	if err != nil {
		return w, err
	}
	all["redis"] = redis
	minio, err := engines.StartMinio(ctx)
	if err != nil {
		return w, err
	}
	all["minio"] = minio
	if w.Database, err = postgres.Fresh(ctx); err != nil {
		return w, err
	}
	if w.Vault, err = postgres.Fresh(ctx); err != nil {
		return w, err
	}
	writer, reader, err := minio.MakeBuckets(ctx, "parley")
	if err != nil {
		return w, err
	}
	w.Redis, w.S3, w.Region = "redis://"+redis.Addr, minio.URL("parley"), minio.Region
	w.Writer, w.Reader = writer.Key+":"+writer.Secret, reader.Key+":"+reader.Secret
	return w, nil
}

func obey(ctx context.Context, all map[string]engine, line string) error {
	verb, name, _ := strings.Cut(line, " ")
	p := all[name]
	switch {
	case p == nil:
		return fmt.Errorf("no engine %q", name)
	case verb == "kill":
		return p.Kill()
	case verb == "start":
		return p.Start(ctx)
	}
	return fmt.Errorf("no command %q", verb)
}
