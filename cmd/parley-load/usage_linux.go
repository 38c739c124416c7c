package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a process has taken so far, as the system says.
type usage struct {
	cpu time.Duration // in user and system mode
	rss int64         // bytes
}

// userHZ is the unit of times in /proc on every Linux that Go runs on.
const userHZ = 100

// usageOf reads /proc (proc(5)).
func usageOf(pid int) (usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}, fmt.Errorf("sample process: %w", err)
	}
	// The second field is the name in brackets, and may hold anything; utime and stime are the 14th and 15th.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return usage{}, fmt.Errorf("sample process: %d fields in its stat", len(fields))
	}
	var u usage
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("sample process: %w", err)
		}
		u.cpu += time.Duration(ticks) * time.Second / userHZ
	}
	pages, err := strconv.ParseInt(string(fields[21]), 10, 64)
	if err != nil {
		return usage{}, fmt.Errorf("sample process: %w", err)
	}
	u.rss = pages * int64(os.Getpagesize())
	return u, nil
}

// startApart starts a command on the last processor that we may use and moves ourselves to the others; with one
// processor both share it, and it returns -1.
func startApart(cmd *exec.Cmd) (int, error) {
	runtime.LockOSThread() // a child begins with the processors of the thread that starts it
	defer runtime.UnlockOSThread()
	theirs, ours, cpu, err := divide()
	if err != nil || cpu < 0 {
		return -1, cmd.Start()
	}
	if err := unix.SchedSetaffinity(0, &theirs); err != nil {
		return -1, fmt.Errorf("pin: %w", err)
	}
	err = cmd.Start()
	if pinned := pinAll(&ours); err == nil {
		err = pinned
	}
	runtime.GOMAXPROCS(ours.Count())
	return cpu, err
}

// divided is the division made at the first call: the process itself has fewer processors afterwards.
var divided struct {
	done         bool
	theirs, ours unix.CPUSet
	cpu          int
}

func divide() (theirs, ours unix.CPUSet, cpu int, err error) {
	if divided.done {
		return divided.theirs, divided.ours, divided.cpu, nil
	}
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		return theirs, ours, -1, fmt.Errorf("read processors: %w", err)
	}
	cpu = -1
	if ours.Count() > 1 {
		for i := range len(ours) * 64 {
			if ours.IsSet(i) {
				cpu = i
			}
		}
		ours.Clear(cpu)
		theirs.Set(cpu)
	}
	divided.done, divided.theirs, divided.ours, divided.cpu = true, theirs, ours, cpu
	return theirs, ours, cpu, nil
}

// pinAll moves every thread of this process; new ones begin where the one that makes them is. Threads that are made
// meanwhile are found in the second round.
func pinAll(set *unix.CPUSet) error {
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("pin: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				continue
			}
			if err := unix.SchedSetaffinity(tid, set); err != nil && err != unix.ESRCH { //nolint:errorlint // an errno
				return fmt.Errorf("pin: %w", err)
			}
		}
	}
	return nil
}

// threadTime is the processor time that the calling thread has taken.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return time.Since(began)
	}
	return time.Duration(t.Nano())
}

// began is when this process did.
var began = time.Now()

// machine describes where it was measured.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	var u unix.Utsname
	_ = unix.Uname(&u) // then the release stays empty
	return fmt.Sprintf("%s, %d processors, Linux %s, %s", model, runtime.NumCPU(),
		unix.ByteSliceToString(u.Release[:]), runtime.Version())
}
