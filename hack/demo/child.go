// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long the clusters may take to end.
const stopTimeout = 30 * time.Second

// child is the process with the clusters of a world whose provider is a kcp: kubectl bind dev makes none.
type child struct {
	*world
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan error
}

// startKCP starts the child and waits until it is ready.
func startKCP(ctx context.Context) (_ *world, err error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	c := &child{world: w, exited: make(chan error, 1)}
	w.steps = slices.Concat(kcpProviderSteps(), kcpConsumerSteps(), kcpObjectSteps())
	w.stop, w.leave = c.end, c.keep
	log, err := os.Create(w.file(serveLog))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.cmd = exec.Command(w.self, "serve", w.dir) //nolint:noctx // It may outlive this process.
	c.cmd.Stderr = log
	// Ctrl-C is for this process alone, which then ends the child.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the clusters: %w", err)
	}
	if err := c.await(ctx, stdout); err != nil {
		reason, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("starting the clusters: %w\n%s", err, reason), c.end())
	}
	server, err := os.ReadFile(w.file(serverFile))
	w.server = string(server)
	return w, err
}

// await waits until the child says that it is ready.
func (c *child) await(ctx context.Context, stdout io.Reader) error {
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		said <- strings.TrimSpace(line)
		c.exited <- c.cmd.Wait()
	}()
	select {
	case line := <-said:
		if line == ready {
			return nil
		}
		return errors.New("it ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end ends the clusters and removes their files.
func (c *child) end() error {
	if err := c.stdin.Close(); err != nil {
		return err
	}
	select {
	case err := <-c.exited:
		if err != nil {
			reason, _ := os.ReadFile(c.file(serveLog))
			return fmt.Errorf("the clusters did not end well: %w\n%s", err, reason)
		}
	case <-time.After(stopTimeout):
		return fmt.Errorf("the clusters did not end within %s; see %s", stopTimeout, c.dir)
	}
	return os.RemoveAll(c.dir)
}

// keep lets the clusters outlive this process.
func (c *child) keep() (string, error) {
	_, err := fmt.Fprintln(c.stdin, keep)
	return "kill $(cat " + c.file(pidFile) + ")", err
}
