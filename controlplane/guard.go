// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// watchdog is told on its stdin which process groups there are ("+ pid") and which have been reaped ("- pid"; a
// number must not be killed once the system may have given it to somebody else). At the end of stdin, which comes
// with Stop as well as with the death of the program at the other end, it kills the groups that are left and removes
// the folder $1, if there is one. Signals do not end it, so that Ctrl-C in a terminal cannot leave anything behind.
const watchdog = `
trap '' HUP INT TERM
groups=
while read -r op pid; do
	case $op in
	+) groups="$groups $pid" ;;
	-)
		left=
		for g in $groups; do [ "$g" = "$pid" ] || left="$left $g"; done
		groups=$left
		;;
	esac
done
for g in $groups; do kill -s KILL -- "-$g"; done
[ -n "$1" ] || exit 0
tries=0
until rm -rf -- "$1"; do
	tries=$((tries + 1))
	[ "$tries" -lt 10 ] || exit 1
	sleep 1
done
`

// enlist tells the watchdog on file descriptor 3 of itself, then becomes the program in its arguments. As the program
// has the same process id, and this end of the pipe is open until it is told, no death of the starting program can
// fall between start and enlisting.
const enlist = `echo "+ $$" >&3; exec "$@" 3>&-`

// guard is a running watchdog: the promise that what was started under it ends with this program.
type guard struct {
	cmd *exec.Cmd

	mu   sync.Mutex
	pipe *os.File
}

// newGuard starts a watchdog that removes dir at its end; "" for no folder.
func newGuard(dir string) (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the pipe of a watchdog: %w", err)
	}
	defer r.Close()

	cmd := exec.Command("sh", "-c", watchdog, "kube-bind-watchdog", dir)
	cmd.Dir = "/"
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a watchdog: %w", err), w.Close())
	}
	return &guard{cmd: cmd, pipe: w}, nil
}

// start runs the command in a process group of its own under the guard.
func (g *guard) start(cmd *exec.Cmd) error {
	sh, err := exec.LookPath("sh")
	if err != nil {
		return fmt.Errorf("looking for a shell: %w", err)
	}
	cmd.Args = append([]string{"sh", "-c", enlist, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = sh
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pipe == nil {
		return errors.New("the watchdog has ended")
	}
	cmd.ExtraFiles = []*os.File{g.pipe}
	return cmd.Start()
}

// forget takes a process that was reaped off the watchdog's list. An error of the pipe is left for close to report.
func (g *guard) forget(pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pipe != nil {
		_, _ = io.WriteString(g.pipe, "- "+strconv.Itoa(pid)+"\n")
	}
}

// close lets the watchdog do its work, and waits until it has. Further calls do nothing.
func (g *guard) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pipe == nil {
		return nil
	}
	err := g.pipe.Close()
	g.pipe = nil
	if err := errors.Join(err, g.cmd.Wait()); err != nil {
		return fmt.Errorf("ending a watchdog: %w", err)
	}
	return nil
}
