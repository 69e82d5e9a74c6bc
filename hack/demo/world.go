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
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kube-bind.io/kube-bind/test/pair"
)

// stopTimeout is how long the clusters may take to end.
const stopTimeout = 30 * time.Second

// world is the child process with both clusters.
type world struct {
	dir    string
	self   string
	bin    string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan error
	kcp    bool
}

// startWorld starts the child and waits until it is ready.
func startWorld(ctx context.Context, onKCP bool) (*world, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kube-bind-demo-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, self: self, bin: filepath.Dir(self), exited: make(chan error, 1), kcp: onKCP}
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	w.cmd = exec.Command(self, "serve", dir) //nolint:noctx // It may outlive this process.
	w.cmd.Stderr = log
	if onKCP {
		w.cmd.Env = append(os.Environ(), pair.ProviderEnv+"="+string(pair.KCPWorkspace))
	}
	// Ctrl-C is for this process alone, which then ends the child.
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the clusters: %w", err)
	}
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		said <- strings.TrimSpace(line)
		w.exited <- w.cmd.Wait()
	}()
	select {
	case line := <-said:
		if line == ready {
			return w, nil
		}
		err = errors.New("it ended")
	case <-ctx.Done():
		err = ctx.Err()
	}
	reason, _ := os.ReadFile(log.Name())
	return nil, errors.Join(fmt.Errorf("starting the clusters: %w\n%s", err, reason), w.stop())
}

// stop ends the clusters and removes their files.
func (w *world) stop() error {
	if err := w.stdin.Close(); err != nil {
		return err
	}
	select {
	case err := <-w.exited:
		if err != nil {
			reason, _ := os.ReadFile(filepath.Join(w.dir, "serve.log"))
			return fmt.Errorf("the clusters did not end well: %w\n%s", err, reason)
		}
	case <-time.After(stopTimeout):
		return fmt.Errorf("the clusters did not end within %s; see %s", stopTimeout, w.dir)
	}
	return os.RemoveAll(w.dir)
}

// leave lets the clusters outlive this process and says how to use and end them.
func (w *world) leave() error {
	if _, err := fmt.Fprintln(w.stdin, keep); err != nil {
		return err
	}
	say(`Everything is left running. To look around:

  export PATH=%s:$PATH
  export PROVIDER=%s
  export CONSUMER=%s
  export SERVER=$(cat %s)
  kubectl bind status --kubeconfig=$CONSUMER
  kubectl --kubeconfig=$PROVIDER get apiserviceexports --all-namespaces

Logs are in %s. To end it:

  kill $(cat %s)`,
		w.bin, w.file(providerKubeconfig), w.file(consumerKubeconfig), w.file(serverFile), w.file("logs"), w.file(pidFile))
	return nil
}

// server is the URL of the provider's front door.
func (w *world) server() (string, error) {
	raw, err := os.ReadFile(w.file(serverFile))
	return string(raw), err
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }
