// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// hold has a program wait until its file is written. If its starter dies before, it ends.
const hold = `read -r go <&3 && exec "$@" 3<&-`

const (
	// asks is how long a program may take to say its version, and ps to say when a process began.
	asks = time.Minute
	// ends is how long a killed process may take to be gone.
	ends = 20 * time.Second
	look = 50 * time.Millisecond
)

// record is a process's file.
type record struct {
	PID int `json:"pid"`
	// Began tells it from an earlier and a later process of the same id.
	Began   string    `json:"began"`
	Started time.Time `json:"started"`
	Version string    `json:"version"`
}

// spec says how a process is started.
type spec struct {
	name, program, dir string
	args               []string
	port               int
}

func (e *Environment) recordFile(name string) string {
	return filepath.Join(e.Dir, runDir, name+".pid")
}

func (e *Environment) logFile(name string) string { return filepath.Join(e.Dir, logDir, name+".log") }

// record reads a process's file, and looks whether it runs.
func (e *Environment) record(ctx context.Context, name string) (r record, running bool, err error) {
	raw, err := os.ReadFile(e.recordFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return record{}, false, fmt.Errorf("reading which process %s is: %w", name, err)
	}
	running, err = r.running(ctx)
	return r, running, err
}

func (r *record) running(ctx context.Context) (bool, error) {
	began, err := began(ctx, r.PID)
	return began != "" && began == r.Began, err
}

// began says when a process began, in the system's own words, or nothing if there is none or it has ended.
func began(ctx context.Context, pid int) (string, error) {
	if runtime.GOOS != "linux" {
		return beganByPS(ctx, pid)
	}
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking at process %d: %w", pid, err)
	}
	// After the name, which is in parentheses and may have some itself, come the state and, 19 fields later, the clock ticks
	// since the boot: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
	fields := strings.Fields(string(raw[strings.LastIndex(string(raw), ")")+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("looking at process %d: %q is not what is expected", pid, raw)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", nil
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[19], nil
}

func beganByPS(ctx context.Context, pid int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asks)
	defer cancel()
	ps := exec.CommandContext(ctx, "ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid))
	ps.Env = append(os.Environ(), "LC_ALL=C")
	out, err := ps.Output()
	if _, none := errors.AsType[*exec.ExitError](err); none && ctx.Err() == nil {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking at process %d: %w", pid, err)
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 || strings.HasPrefix(fields[0], "Z") {
		return "", nil
	}
	return strings.Join(fields[1:], " "), nil
}

// launch runs a program of a folder, in a session of its own, so that Ctrl-C is not for it.
func (e *Environment) launch(ctx context.Context, s *spec, path string) error {
	version, err := versionOf(ctx, path)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	log, err := os.OpenFile(e.logFile(s.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	defer log.Close()
	held, release, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	defer held.Close()
	defer release.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", hold, "sh", path}, s.args...)...) //nolint:noctx // It outlives this program.
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	// What else is in the environment of whoever starts it is none of its business.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	// While this program lives it is the one to ask how its child has ended.
	go func() { _ = cmd.Wait() }()
	r := record{PID: cmd.Process.Pid, Started: time.Now().UTC().Truncate(time.Second), Version: version}
	if r.Began, err = began(ctx, r.PID); err == nil && r.Began == "" {
		err = errors.New("it has ended at once")
	}
	if err == nil {
		err = writeJSON(e.recordFile(s.name), &r)
	}
	if err == nil {
		_, err = release.WriteString("go\n")
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	return nil
}

// versionOf asks a program for its version.
func versionOf(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asks)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w: %s", path, err, strings.TrimSpace(string(out)))
	}
	return regexp.MustCompile(`v?\d+\.\d+\.\d+\S*`).FindString(string(out)), nil
}

// end kills a process, unless it is another one by now, and waits until it is gone.
func (e *Environment) end(ctx context.Context, name string) (ended bool, err error) {
	r, running, err := e.record(ctx, name)
	if err != nil || !running {
		return false, err
	}
	// What it does is of no more use to anybody: its data is removed.
	if err := syscall.Kill(-r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return false, fmt.Errorf("ending %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, ends)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		running, err := r.running(ctx)
		if err != nil || !running {
			return true, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, problem("Look at that process; then run the command again.", "%s (process %d) does not end", name, r.PID)
		}
	}
}

// tail is the end of a log.
func (e *Environment) tail(name string) string {
	const window, most = 8 << 10, 10
	raw, err := os.ReadFile(e.logFile(name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw[max(0, len(raw)-window):])), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
