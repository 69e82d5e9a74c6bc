// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// seen is a writer that tells, once, when something was written.
type seen struct {
	mu   sync.Mutex
	all  bytes.Buffer
	what string
	tell func()
}

func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Write(p)
	if s.tell != nil && strings.Contains(s.all.String(), s.what) {
		s.tell()
		s.tell = nil
	}
	return len(p), nil
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// interrupted runs a command, and presses Ctrl-C when it has said something.
func (s *stage) interrupted(t *testing.T, when string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &seen{what: when, tell: cancel}
	code := s.runWith(ctx, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &stdout, ErrOut: stderr}, args...)
	return result{stdout: stdout.String(), stderr: stderr.String(), code: code}
}

// over is the last that a terminal shows.
const over = "<over>"

// atTerminal runs a command at a terminal of its own, where answers are typed when a question is asked. stderr is what the terminal shows.
func (s *stage) atTerminal(ctx context.Context, t *testing.T, answers []string, args ...string) result {
	t.Helper()
	mine, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(mine, &pty.Winsize{Rows: 24, Cols: 60}); err != nil {
		t.Fatal(err)
	}
	shown := &seen{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buffer := make([]byte, 1024)
		for asked := 0; ; {
			n, err := mine.Read(buffer)
			_, _ = shown.Write(buffer[:n])
			if err != nil || strings.Contains(shown.String(), over) {
				return
			}
			if now := strings.Count(shown.String(), "[y/N]"); now > asked && now <= len(answers) {
				_, _ = io.WriteString(mine, answers[now-1]+"\n")
				asked = now
			}
		}
	}()
	var stdout bytes.Buffer
	code := s.runWith(ctx, genericiooptions.IOStreams{In: theirs, Out: &stdout, ErrOut: theirs}, args...)
	if _, err := io.WriteString(theirs, over); err != nil {
		t.Error(err)
	}
	<-read
	// This way round: whoever still waits for an answer is let go.
	if err := errors.Join(mine.Close(), theirs.Close()); err != nil {
		t.Error(err)
	}
	return result{stdout: stdout.String(), stderr: strings.TrimSuffix(shown.String(), over), code: code}
}
