// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// spin is how often the spinner turns.
const spin = 120 * time.Millisecond

// waiting shows that something goes on, on a terminal. In a pipe it shows nothing. stop takes it away.
func (c *cli) waiting() (stop func()) {
	out, ok := c.ErrOut.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		turn := time.NewTicker(spin)
		defer turn.Stop()
		for i := 0; ; i++ {
			select {
			case <-done:
				fmt.Fprint(out, "\r\033[K")
				return
			case <-turn.C:
				fmt.Fprintf(out, "\r   %c", []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[i%10])
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}
