// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// endedKey starts the key of an ended session.
	endedKey = "kube-bind:ended:"
	// redisTimeout is how long Redis may take for an answer.
	redisTimeout = 3 * time.Second
)

// RedisOptions say where Redis is.
type RedisOptions struct {
	// Address is host:port.
	Address string
	// Username and Password, if it asks for them.
	Username, Password string
	// TLS speaks TLS with it, checked against the CAs of the system.
	TLS bool
}

// RedisRevocations keeps revocations in Redis, each for as long as its session would have lived. It is for backends where many
// people sign out. Nobody gets in while Redis is away: whether their session was ended is not known.
type RedisRevocations struct {
	client *redis.Client
	now    func() time.Time
}

var _ Revocations = &RedisRevocations{}

// NewRedisRevocations returns the revocations in a Redis. It does not connect yet.
func NewRedisRevocations(opts RedisOptions) *RedisRevocations {
	options := &redis.Options{
		Addr: opts.Address, Username: opts.Username, Password: opts.Password, ClientName: "kube-bind-backend",
		DialTimeout: redisTimeout, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout,
	}
	if opts.TLS {
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &RedisRevocations{client: redis.NewClient(options), now: time.Now}
}

// Revoke implements Revocations.
func (r *RedisRevocations) Revoke(ctx context.Context, session string, expires time.Time) (first bool, err error) {
	left := expires.Add(clockSkew).Sub(r.now())
	if left <= 0 {
		return false, nil
	}
	first, err = r.client.SetNX(ctx, endedKey+session, "", left).Result()
	if err != nil {
		return false, fmt.Errorf("ending a session: asking Redis: %w", err)
	}
	return first, nil
}

// Revoked implements Revocations.
func (r *RedisRevocations) Revoked(ctx context.Context, session string) (bool, error) {
	found, err := r.client.Exists(ctx, endedKey+session).Result()
	if err != nil {
		return false, fmt.Errorf("looking for ended sessions: asking Redis: %w", err)
	}
	return found > 0, nil
}

// Start closes the connections when ctx ends. It implements manager.Runnable.
func (r *RedisRevocations) Start(ctx context.Context) error {
	<-ctx.Done()
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("closing the connections to Redis: %w", err)
	}
	return nil
}

// NeedLeaderElection tells the manager that every replica has connections.
func (*RedisRevocations) NeedLeaderElection() bool { return false }
