//go:build !linux

package main

import (
	"errors"
	"os/exec"
	"runtime"
	"time"
)

type usage struct {
	cpu time.Duration
	rss int64
}

func usageOf(int) (usage, error) {
	return usage{}, errors.New("the use of a process is read from /proc, which is Linux's")
}

func startApart(cmd *exec.Cmd) (int, error) { return -1, cmd.Start() }

func threadTime() time.Duration { return time.Since(began) }

// began is when this process did.
var began = time.Now()

func machine() string { return runtime.GOOS + ", " + runtime.Version() }
