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
	log    *os.File
	exited chan error
}

// startKCP starts the child and waits until it is ready.
func startKCP(ctx context.Context) (*world, error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	c := &child{world: w, exited: make(chan error, 1)}
	w.steps = slices.Concat(kcpProviderSteps(), kcpConsumerSteps(), kcpObjectSteps())
	w.stop, w.leave = c.end, c.keep
	stdout, err := c.start()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the clusters: %w", err), os.RemoveAll(w.dir))
	}
	if err := c.await(ctx, stdout); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the clusters: %w", err), c.end())
	}
	server, err := os.ReadFile(w.file(serverFile))
	if err != nil {
		return nil, errors.Join(err, c.end())
	}
	w.server = string(server)
	return w, nil
}

// start starts the child, and returns what it says.
func (c *child) start() (stdout io.Reader, err error) {
	if c.log, err = os.Create(c.file(serveLog)); err != nil {
		return nil, err
	}
	c.cmd = exec.Command(c.self, "serve", c.dir) //nolint:noctx // It may outlive this process.
	c.cmd.Stderr = c.log
	// Ctrl-C is for this process alone, which then ends the child.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if stdout, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return stdout, c.cmd.Start()
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

// end ends the clusters and removes their files, which are those of administrators. Only where the child does not end they stay: its
// clusters still run then.
func (c *child) end() error {
	// A child that is still starting its clusters does not read yet, and one that has ended wants nothing.
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending the clusters: %w", err)
	}
	select {
	case err := <-c.exited:
		if err != nil {
			err = fmt.Errorf("the clusters did not end well: %w\n%s", err, c.said())
		}
		return errors.Join(err, os.RemoveAll(c.dir))
	case <-time.After(stopTimeout):
		return fmt.Errorf("the clusters did not end within %s; see %s", stopTimeout, c.dir)
	}
}

// said is what the child has to say about its end. The file itself may be gone by then.
func (c *child) said() string {
	text, err := io.ReadAll(io.NewSectionReader(c.log, 0, 1<<20))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// keep lets the clusters outlive this process.
func (c *child) keep() (string, error) {
	_, err := fmt.Fprintln(c.stdin, keep)
	return "kill $(cat " + c.file(pidFile) + ")", err
}
