// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/cli"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

// devWorld is somebody who plays with kubectl bind dev.
type devWorld struct {
	bin, home, dir, port string
}

// run runs a command of kubectl bind dev, and wants an exit code.
func (w *devWorld) run(ctx context.Context, t *testing.T, code int, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, "kubectl-bind"), append([]string{"dev"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+w.home, "XDG_STATE_HOME=", "KUBECONFIG="+filepath.Join(w.home, "none"))
	return finished(t, cmd, code)
}

// pids are the ids of the running processes, by their names.
func (w *devWorld) pids(t *testing.T, code int) map[string]int {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Running  bool
			PID      int
		}
	}
	if err := json.Unmarshal([]byte(w.run(t.Context(), t, code, "status", "-o", "json").stdout), &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, item := range list.Items {
		if item.Running {
			out[item.Metadata.Name] = item.PID
		}
	}
	return out
}

func gone(t *testing.T, pid int) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		// Nobody may be there to reap it.
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(raw), ") Z "), nil
	})
	if err != nil {
		t.Errorf("process %d does not end: %v", pid, err)
	}
}

// The development environment is made, made again, used, mended and removed, by the shipped programs.
func TestDev(t *testing.T) {
	t.Parallel()
	w := newDevWorld(t)
	create := []string{"create", "--port", w.port, "--wait-for-ready-timeout", "5m"}

	door, err := net.Listen("tcp", "127.0.0.1:"+w.port)
	if err != nil {
		t.Fatal(err)
	}
	says(t, w.run(t.Context(), t, cli.ExitFailed, create...).stderr, "the port of the backend, 127.0.0.1:"+w.port+", is taken", "--port")
	if _, err := os.Stat(w.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a folder without an environment: %v", err)
	}
	if err := door.Close(); err != nil {
		t.Fatal(err)
	}

	says(t, w.run(t.Context(), t, cli.ExitOK, create...).stdout, "consumer.kubeconfig", "kubectl bind login http://127.0.0.1:"+w.port, "kubectl bind dev example\n")
	first := w.pids(t, cli.ExitOK)
	if info, err := os.Stat(w.dir); err != nil || info.Mode().Perm() != 0o700 || len(first) != 8 {
		t.Errorf("%v, %v, %v", info.Mode(), err, first)
	}
	t.Run("again", func(t *testing.T) {
		w.run(t.Context(), t, cli.ExitOK, "create")
		if again := w.pids(t, cli.ExitOK); !maps.Equal(first, again) {
			t.Errorf("it was %v, and is %v", first, again)
		}
		says(t, w.run(t.Context(), t, cli.ExitFailed, "create", "--port", "1").stderr, "the front door of this environment is at", w.port)
	})
	t.Run("example", func(t *testing.T) {
		const seen = "status.result: The cattle are safe"
		says(t, w.run(t.Context(), t, cli.ExitOK, "example").stdout, "consumer   cowboy default/billy-the-kid", "provider   cowboy kube-bind-", "provider", seen, "consumer", seen)
		says(t, w.run(t.Context(), t, cli.ExitOK, "example").stderr, "cowboys are bound already")
	})
	t.Run("mend", func(t *testing.T) { w.mend(t, first) })
	t.Run("delete", w.delete)
}

func newDevWorld(t *testing.T) *devWorld {
	t.Helper()
	bin, err := pair.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	w := &devWorld{bin: bin, home: home, dir: filepath.Join(home, ".kube-bind", "dev"), port: strconv.Itoa(port)}
	t.Cleanup(func() { w.run(context.WithoutCancel(t.Context()), t, cli.ExitOK, "delete") })
	return w
}

// mend kills two processes: status tells of them, and create starts them, and nothing else, with the data that there was.
func (w *devWorld) mend(t *testing.T, first map[string]int) {
	killed := []string{"consumer-etcd", "konnector"}
	for _, name := range killed {
		if err := syscall.Kill(first[name], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		gone(t, first[name])
	}
	says(t, w.run(t.Context(), t, cli.ExitUnhealthy, "status").stderr, "2 of 8 processes do not run: consumer-etcd, konnector", "kubectl bind dev create")
	w.run(t.Context(), t, cli.ExitOK, "create", "--wait-for-ready-timeout", "5m")
	now := w.pids(t, cli.ExitOK)
	for name, pid := range first {
		if dead := name == killed[0] || name == killed[1]; dead == (now[name] == pid) {
			t.Errorf("%s was process %d, and is %d", name, pid, now[name])
		}
	}
	says(t, w.run(t.Context(), t, cli.ExitOK, "example").stderr, "cowboys are bound already")
}

// delete leaves somebody else's process alone that has an id of ours by now, and nothing of ours.
func (w *devWorld) delete(t *testing.T) {
	pids := w.pids(t, cli.ExitOK)
	other := exec.CommandContext(t.Context(), "sleep", "3600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(w.dir, "run", "konnector.pid")
	raw, err := os.ReadFile(record)
	if err == nil {
		recycled := bytes.Replace(raw, []byte(`"pid":`+strconv.Itoa(pids["konnector"])), []byte(`"pid":`+strconv.Itoa(other.Process.Pid)), 1)
		// The konnector goes on below a further name.
		err = errors.Join(os.WriteFile(filepath.Join(w.dir, "run", "former.pid"), raw, 0o600), os.WriteFile(record, recycled, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	says(t, w.run(t.Context(), t, cli.ExitUnhealthy, "status").stderr, "1 of 8 processes do not run: konnector")
	says(t, w.run(t.Context(), t, cli.ExitOK, "delete").stderr, "Ended 8 processes, and removed "+w.dir)
	for _, pid := range pids {
		gone(t, pid)
	}
	if began, err := os.ReadFile("/proc/" + strconv.Itoa(other.Process.Pid) + "/stat"); err != nil || strings.Contains(string(began), ") Z ") {
		t.Errorf("somebody else's process has ended: %s, %v", began, err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait() // it was killed
	left, err := os.ReadDir(w.home)
	if err != nil || len(left) > 0 {
		t.Errorf("there are %v, %v", left, err)
	}
	says(t, w.run(t.Context(), t, cli.ExitOK, "delete").stderr, "Nothing to delete")
}
