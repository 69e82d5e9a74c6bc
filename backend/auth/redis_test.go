// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kube-bind.io/kube-bind/controlplane"
)

// startRedis runs a redis-server with a password until the test ends, or stop is called.
func startRedis(t *testing.T, password string) (address string, stop func()) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("%v; make system-packages installs it", err)
	}
	port, err := controlplane.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "redis.conf")
	text := "bind 127.0.0.1\nport " + strconv.Itoa(port) + "\nsave \"\"\nappendonly no\nrequirepass " + password + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := controlplane.StartProcess(controlplane.ProcessOptions{
		Name: "redis-server", Path: path, Args: []string{config}, LogFile: filepath.Join(t.TempDir(), "redis.log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	stop = func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return "127.0.0.1:" + strconv.Itoa(port), stop
}

// Two replicas with one Redis know of each other's ended sessions, for as long as those would have lived.
func TestRedisRevocations(t *testing.T) {
	address, stop := startRedis(t, "s3cret")
	replica := func(password string) *RedisRevocations {
		r := NewRedisRevocations(RedisOptions{Address: address, Password: password})
		t.Cleanup(func() { _ = r.client.Close() })
		return r
	}
	one, other := replica("s3cret"), replica("s3cret")
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		return one.client.Ping(ctx).Err() == nil, nil
	})
	if err != nil {
		t.Fatal("Redis does not start")
	}
	revoked := func(r *RedisRevocations, session string) bool {
		t.Helper()
		got, err := r.Revoked(t.Context(), session)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if revoked(other, "a") {
		t.Error("a session is ended that nobody has ended")
	}
	expires := time.Now().Add(time.Hour)
	if first, err := one.Revoke(t.Context(), "a", expires); err != nil || !first {
		t.Fatalf("got %v, %v", first, err)
	}
	if first, err := other.Revoke(t.Context(), "a", expires); err != nil || first {
		t.Errorf("two are the first to end a session: %v", err)
	}
	if !revoked(other, "a") || revoked(other, "b") {
		t.Error("the other replica does not know which session was ended")
	}
	left, err := other.client.TTL(t.Context(), endedKey+"a").Result()
	if err != nil || left > time.Hour+clockSkew || left < time.Hour {
		t.Errorf("it is kept for %s: %v", left, err)
	}
	if _, err := one.Revoke(t.Context(), "old", time.Now().Add(-clockSkew-time.Second)); err != nil || revoked(other, "old") {
		t.Errorf("a session that is over is kept: %v", err)
	}
	if _, err := replica("wrong").Revoked(t.Context(), "a"); err == nil {
		t.Error("a wrong password is fine")
	}
	// Not to know is not to let in.
	stop()
	if got, err := other.Revoked(t.Context(), "b"); err == nil || got {
		t.Errorf("without Redis: %v, %v", got, err)
	}
	if _, err := one.Revoke(t.Context(), "b", expires); err == nil {
		t.Error("a session is ended without Redis")
	}
	if errors.Is(one.Start(cancelled(t)), context.Canceled) {
		t.Error("the end is an error")
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
