// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// limit is for what hangs.
const limit = time.Minute

// echo is a server that sends back what it gets, until its client has sent all.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return listener.Addr().String()
}

func start(t *testing.T) *Proxy {
	t.Helper()
	p, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	p.To(echo(t))
	return p
}

func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// ask sends something and reads it back. It has to fit into buffers on the way, as nobody reads while it is sent.
func ask(c net.Conn, size int) error {
	sent := bytes.Repeat([]byte("x"), size)
	if _, err := c.Write(sent); err != nil {
		return err
	}
	got := make([]byte, size)
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, sent) {
		return errors.New("something else came back")
	}
	return nil
}

func answers(t *testing.T, c net.Conn, size int) (took time.Duration) {
	t.Helper()
	begin := time.Now()
	if err := ask(c, size); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

// refuses sees that a new connection fails, be it when it is made or when it is used.
func refuses(t *testing.T, p *Proxy) {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), limit)
	if err == nil {
		defer c.Close()
		err = errors.Join(c.SetDeadline(time.Now().Add(limit)), ask(c, 10))
	}
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection: %v, want that it fails", err)
	}
}

// In fair weather all arrives, and so does the end of one side without ending the other.
func TestFair(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	answers(t, c, 64<<10)
	if _, err := c.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "last words" {
		t.Errorf("after the end of the one side the other sent %q: %v", rest, err)
	}
}

// Cut ends open connections and each new one, until the weather is fair again.
func TestCut(t *testing.T) {
	t.Parallel()
	p := start(t)
	before := dial(t, p)
	answers(t, before, 10)
	p.Set(Weather{Cut: true})
	if err := ask(before, 10); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection from before: %v, want that it is cut", err)
	}
	refuses(t, p)
	p.Set(Weather{})
	answers(t, dial(t, p), 10)
}

// A stalled connection says nothing, and goes on where it was.
func TestStalled(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	answers(t, c, 10)
	p.Set(Weather{Stalled: true})
	if err := c.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := ask(c, 10); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("while stalled: %v, want that nothing is heard", err)
	}
	p.Set(Weather{})
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
		t.Errorf("what was under way: %v", err)
	}
	answers(t, c, 10)
}

// What is delayed takes so long each way, also on a connection that is open.
func TestDelay(t *testing.T) {
	t.Parallel()
	const delay = 100 * time.Millisecond
	p := start(t)
	c := dial(t, p)
	answers(t, c, 10)
	p.Set(Weather{Delay: delay})
	if took := answers(t, c, 10); took < 2*delay {
		t.Errorf("there and back took %s, want %s at least", took, 2*delay)
	}
}

// What is throttled takes as long as its size says.
func TestThrottle(t *testing.T) {
	t.Parallel()
	const size, rate = 64 << 10, 128 << 10
	p := start(t)
	c := dial(t, p)
	answers(t, c, 10)
	p.Set(Weather{BytesPerSecond: rate})
	if took, least := answers(t, c, size), time.Second*size/rate; took < least {
		t.Errorf("%d bytes took %s, want %s at least", size, took, least)
	}
}

// Without anybody at the target a connection ends, as it does for a server that is away.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	p := start(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p.To(listener.Addr().String())
	refuses(t, p)
}
