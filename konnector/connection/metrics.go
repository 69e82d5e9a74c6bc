// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collectors are the pool's metrics. Their label provider is the host and port of the provider's API server, of which there are
// as many as kubeconfig Secrets at most; nothing else of a kubeconfig is shown.
func (p *Pool) Collectors() []prometheus.Collector {
	return []prometheus.Collector{&census{
		pool: p,
		connections: prometheus.NewDesc("kube_bind_konnector_connections",
			"Connections to providers, by the provider's host and whether it answers and takes heartbeats. One whose kubeconfig Secret cannot be used has no host.",
			[]string{"provider", "connected"}, nil),
		age: prometheus.NewDesc("kube_bind_konnector_heartbeat_age_seconds",
			"Time since the provider took the last heartbeat, by the provider's host: of the connection for which it is longest.",
			[]string{"provider"}, nil),
	}}
}

// census counts connections when somebody asks.
type census struct {
	pool             *Pool
	connections, age *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *census) Describe(out chan<- *prometheus.Desc) {
	out <- c.connections
	out <- c.age
}

// Collect implements prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	type state struct {
		provider  string
		connected bool
	}
	count, oldest := map[state]int{}, map[string]time.Time{}
	for _, connection := range c.pool.all() {
		session, problem := connection.State()
		if session == nil || problem != nil {
			count[state{}]++
			continue
		}
		health, host := session.Health(), hostOf(session.credential.Config.Host)
		count[state{host, health.Beaten && health.Provider == nil && health.Heartbeat == nil}]++
		if beat := session.lastBeat(); !beat.IsZero() && (oldest[host].IsZero() || beat.Before(oldest[host])) {
			oldest[host] = beat
		}
	}
	for s, n := range count {
		out <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(n), s.provider, strconv.FormatBool(s.connected))
	}
	for host, beat := range oldest {
		out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, time.Since(beat).Seconds(), host)
	}
}

// all are the connections that there are.
func (p *Pool) all() []*Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*Connection, 0, len(p.connections))
	for _, c := range p.connections {
		out = append(out, c)
	}
	return out
}

// hostOf is the host and port of a server's URL.
func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return "unknown"
	}
	return u.Host
}
