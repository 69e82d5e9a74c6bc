// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"kube-bind.io/kube-bind/printable"
)

const (
	// spin is how often the spinner turns.
	spin = 120 * time.Millisecond
	// narrow is how wide a terminal is that does not say.
	narrow = 80
	// indent is what stands before lines about waiting.
	indent = "   "
)

// progress shows what is waited for. On a terminal that is one line with a spinner, which goes away at the end; elsewhere it is a
// line for each change.
type progress struct {
	out io.Writer
	// turns says that there is a spinner.
	turns bool

	mu   sync.Mutex
	last string

	stop func()
}

// waiting starts to show progress, until its stop is called.
func (c *cli) waiting() *progress {
	p := &progress{out: c.ErrOut, stop: func() {}}
	if terminal := spins(c.ErrOut); terminal != nil {
		p.turns = true
		p.spin(terminal)
	}
	return p
}

// spins returns the terminal on which a spinner can turn, or nil.
func spins(out io.Writer) *os.File {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return file
}

// say tells what is waited for now.
func (p *progress) say(message string) {
	message = printable.Line(strings.Join(strings.Fields(message), " "))
	p.mu.Lock()
	defer p.mu.Unlock()
	if message == "" || message == p.last {
		return
	}
	p.last = message
	if !p.turns {
		fmt.Fprintln(p.out, indent+message)
	}
}

// spin has the spinner turn until stop, which takes it away.
func (p *progress) spin(terminal *os.File) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		turn := time.NewTicker(spin)
		defer turn.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				fmt.Fprint(terminal, "\r\033[K")
				return
			case <-turn.C:
				fmt.Fprint(terminal, "\r\033[K"+indent+p.line(terminal, i))
			}
		}
	}()
	p.stop = sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}

// line is one turn of the spinner, in one line of the terminal.
func (p *progress) line(terminal *os.File, turn int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	width, _, err := term.GetSize(int(terminal.Fd()))
	if err != nil || width <= 0 {
		width = narrow
	}
	out := []rune(string([]rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[turn%10]) + " " + p.last)
	if most := width - len(indent) - 1; len(out) > most {
		out = append(out[:max(most-1, 0)], '…')
	}
	return string(out)
}
