// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// opens is how long a browser may take to say that it cannot. One that takes longer is open: some go on until they are closed.
const opens = 3 * time.Second

// openBrowser has the system open a URL, or the program that BROWSER names. The browser outlives this program.
func openBrowser(ctx context.Context, url string) error {
	command := browserCommand(runtime.GOOS, os.Getenv("BROWSER"), url)
	browser := exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...)
	if err := browser.Start(); err != nil {
		return fmt.Errorf("opening the browser: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }()
	patience := time.NewTimer(opens)
	defer patience.Stop()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("opening the browser with %s: %w", command[0], err)
		}
	case <-patience.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// browserCommand is what opens a URL on a system, with arguments. No shell reads the URL: it is the server's.
func browserCommand(system, named, url string) []string {
	command := []string{"xdg-open"}
	switch system {
	case "darwin":
		command = []string{"open"}
	case "windows":
		// What "start" does, without cmd, which would read & and % in the URL.
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	if fields := strings.Fields(named); len(fields) > 0 {
		command = fields
	}
	return append(command, url)
}
