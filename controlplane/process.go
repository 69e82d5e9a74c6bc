// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end after SIGTERM, unless its options say otherwise.
const stopGrace = 10 * time.Second

// ProcessOptions say what to run.
type ProcessOptions struct {
	// Name is what errors call the process. Default: the last element of Path.
	Name string
	// Path is the program's file. Required.
	Path string
	// Args are its arguments, without the program's own name.
	Args []string
	// Dir is its working directory. Default: that of this program.
	Dir string
	// Env is added to the environment of this program, as KEY=value.
	Env []string
	// LogFile gets what it prints, appended. Required; its folder is made if need be.
	LogFile string
	// StopGrace is how long Stop waits between SIGTERM and SIGKILL. Default: 10 s.
	StopGrace time.Duration
}

// Process is a program that was started, and that ends at the latest with the program that started it.
type Process struct {
	name     string
	logFile  string
	logStart int64
	grace    time.Duration

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // how it ended; written before exited is closed
}

// StartProcess runs a program in the background, in a process group and session of its own, with its output in a log
// file. It fails if the program or its log file cannot be opened; that the program then ends is told by Exited.
func StartProcess(o ProcessOptions) (*Process, error) {
	g, err := newGuard("")
	if err != nil {
		return nil, err
	}
	return startProcess(g, o, func() error { return g.close() })
}

// startProcess runs a program under a guard; done is called once the program has been reaped, or was not started.
func startProcess(g *guard, o ProcessOptions, done func() error) (*Process, error) {
	if o.Name == "" {
		o.Name = filepath.Base(o.Path)
	}
	if o.StopGrace == 0 {
		o.StopGrace = stopGrace
	}
	p := &Process{name: o.Name, logFile: o.LogFile, grace: o.StopGrace, exited: make(chan struct{})}
	if err := p.run(g, o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", o.Name, err), done())
	}
	go func() {
		err := p.cmd.Wait()
		g.forget(p.cmd.Process.Pid)
		p.err = errors.Join(err, done())
		close(p.exited)
	}()
	return p, nil
}

func (p *Process) run(g *guard, o ProcessOptions) error {
	path, err := filepath.Abs(o.Path) // as Dir may be another folder
	if err != nil {
		return err
	}
	if err := executable(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.LogFile), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(o.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.logStart, err = log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	p.cmd = exec.Command(path, o.Args...)
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	return g.start(p.cmd)
}

// PID is the process id. It stays what it was after the process has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed once the process has ended and been reaped.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait waits for the process to end. It returns how it ended (nil: by itself with status 0), or the cause of ctx.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stop asks the process to end with SIGTERM, and kills it if it has not by the end of its grace, which is an error.
// How a process ends that was asked to is not: see Wait. For a process that has ended already it does nothing.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGTERM, p.PID()); err != nil {
		return err
	}
	grace := time.NewTimer(p.grace)
	defer grace.Stop()
	select {
	case <-p.exited:
		return nil
	case <-grace.C:
		return errors.Join(fmt.Errorf("%s did not end within %s of SIGTERM, and was killed", p.name, p.grace), p.Kill())
	}
}

// Kill ends the process, and everything in its process group, with SIGKILL, and waits until it is reaped.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL, -p.PID()); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// signal sends a signal, unless the process has ended.
func (p *Process) signal(s syscall.Signal, pid int) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to %s: %w", s, p.name, err)
	}
	return nil
}

// LogFile is where the output goes.
func (p *Process) LogFile() string { return p.logFile }

// LogTail returns the last lines that the process has printed; what earlier processes left in the same file is not
// among them. A file that cannot be read is told in the text, as this is for people.
func (p *Process) LogTail(lines int) string {
	const window = 64 << 10
	content, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	content = content[min(p.logStart, int64(len(content))):]
	content = bytes.TrimSpace(content[max(0, len(content)-window):])
	all := bytes.Split(content, []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
