// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below those that systems give to outgoing connections (32768 and up on Linux, 49152 and up
// elsewhere): one of those could be gone when an API server that was stopped wants its port back.
const (
	firstPort = 10000
	lastPort  = 29999
)

// portTaken is what is in the log of a server whose port was taken between FreePort and its start.
const portTaken = "address already in use"

// FreePort finds a loopback port that nobody listens on at the moment. It does not reserve it.
func FreePort() (int, error) {
	const attempts = 100
	var last error
	for range attempts {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			last = err
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("looking for a free port: %w", err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port in %d attempts: %w", attempts, last)
}
