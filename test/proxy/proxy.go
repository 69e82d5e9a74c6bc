// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Weather is what becomes of connections. The zero value is fair: all that is sent arrives at once.
type Weather struct {
	// Cut resets all connections, and those to come as soon as they are made.
	Cut bool
	// Stalled lets nothing arrive, and tells nobody: what is under way arrives when the weather changes.
	Stalled bool
	// Delay is how long each piece of what is sent takes. A piece is what arrived together, and pieceSize at most.
	Delay time.Duration
	// BytesPerSecond is how much arrives of a connection in each direction. Zero is all.
	BytesPerSecond int
}

const (
	// pieceSize bounds what is passed on at a time, and so what a throttled connection gets at once.
	pieceSize = 4 << 10
	// dialTimeout is for the way to the target, which is on this machine.
	dialTimeout = 10 * time.Second
)

// Proxy listens on a port of this machine and passes on what it gets to a target, as the weather allows.
type Proxy struct {
	listener net.Listener
	ctx      context.Context // that of all connections, until Close
	cancel   context.CancelFunc
	work     sync.WaitGroup

	mu      sync.Mutex
	target  string
	weather Weather
	changed chan struct{} // closed when the weather changes
	open    map[net.Conn]struct{}
}

// Listen starts a proxy in fair weather, which passes nothing on before it has a target.
func Listen() (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	p := &Proxy{listener: listener, changed: make(chan struct{}), open: map[net.Conn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.serve)
	return p, nil
}

// Addr is where it listens, as host:port. It stays so in all weathers.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// To says where connections to come are passed on to, as host:port.
func (p *Proxy) To(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Set changes the weather, for connections that are open and for those to come.
func (p *Proxy) Set(w Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather = w
	close(p.changed)
	p.changed = make(chan struct{})
	if w.Cut {
		p.resetAll()
	}
}

// Close ends all connections, and returns when nothing of the proxy is left.
func (p *Proxy) Close() error {
	p.cancel()
	err := p.listener.Close()
	p.mu.Lock()
	p.resetAll()
	p.mu.Unlock()
	p.work.Wait()
	return err
}

// resetAll ends all connections. The lock is held.
func (p *Proxy) resetAll() {
	for c := range p.open {
		reset(c)
		delete(p.open, c)
	}
}

// reset ends a connection as a machine does that knows nothing of it, instead of saying that all has been sent.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client is gone again
		}
		p.work.Go(func() { p.connect(client) })
	}
}

// keep makes a connection one that is open, unless there are to be none.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.weather.Cut || p.ctx.Err() != nil {
		reset(c)
		return false
	}
	p.open[c] = struct{}{}
	return true
}

// drop ends a connection.
func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reset(c)
	delete(p.open, c)
}

// connect passes on what both ends of a connection send, until one of them ends it.
func (p *Proxy) connect(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(p.ctx, "tcp", target)
	if err != nil {
		return // nobody is there, and the client learns it by the reset
	}
	if !p.keep(server) {
		return
	}
	defer p.drop(server)
	var ways sync.WaitGroup
	ways.Go(func() { p.pass(client, server) })
	ways.Go(func() { p.pass(server, client) })
	ways.Wait()
}

// pass passes on what one end sends. The end of it is passed on as well, so that the other end can still answer.
func (p *Proxy) pass(from, to net.Conn) {
	piece := make([]byte, pieceSize)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			p.travel(n)
			if _, failed := to.Write(piece[:n]); failed != nil {
				p.drop(from)
				return
			}
		}
		if err != nil {
			p.end(to, err)
			return
		}
	}
}

// end tells one end how the other has ended: a reset becomes one.
func (p *Proxy) end(to net.Conn, err error) {
	tcp, ok := to.(*net.TCPConn)
	if !ok || errors.As(err, new(*net.OpError)) {
		p.drop(to)
		return
	}
	_ = tcp.CloseWrite()
}

// travel returns when so many bytes have arrived, which in a changing weather may take several attempts.
func (p *Proxy) travel(n int) {
	begin := time.Now()
	for {
		p.mu.Lock()
		w, changed := p.weather, p.changed
		p.mu.Unlock()
		var arrival <-chan time.Time
		if !w.Stalled {
			arrival = time.After(w.takes(n) - time.Since(begin))
		}
		select {
		case <-arrival:
			return
		case <-changed:
		case <-p.ctx.Done():
			return
		}
	}
}

// takes is how long so many bytes are under way.
func (w Weather) takes(n int) time.Duration {
	d := w.Delay
	if w.BytesPerSecond > 0 {
		d += time.Duration(n) * time.Second / time.Duration(w.BytesPerSecond)
	}
	return d
}
