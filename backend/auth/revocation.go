// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Revocations are the sessions that were ended before they expired, and the codes that were used. All replicas know of them.
type Revocations interface {
	// Revoke ends a session, which would expire at that time. Of several calls for one session, by whichever replicas, it is the
	// first for one only.
	Revoke(ctx context.Context, session string, expires time.Time) (first bool, err error)
	// Revoked tells whether a session was ended.
	Revoked(ctx context.Context, session string) (bool, error)
}

const (
	// revocationsMaxAge is how long another replica may believe in a session after it was ended.
	revocationsMaxAge = time.Second
	// clockSkew is by how much the clocks of replicas may differ: to one that is behind a session is valid for longer.
	clockSkew = 5 * time.Minute
)

// SecretRevocations keeps revocations in a Secret, which is enough where few people sign out in the lifetime of a session.
type SecretRevocations struct {
	client client.Client
	live   client.Reader
	name   types.NamespacedName
	now    func() time.Time

	mu    sync.Mutex
	ended map[string]time.Time
	read  time.Time
}

var _ Revocations = &SecretRevocations{}

// NewSecretRevocations returns the revocations in a Secret, which is made by the first one. live reads from the API server.
func NewSecretRevocations(c client.Client, live client.Reader, name types.NamespacedName) *SecretRevocations {
	return &SecretRevocations{client: c, live: live, name: name, now: time.Now}
}

// Revoke implements Revocations.
func (s *SecretRevocations) Revoke(ctx context.Context, session string, expires time.Time) (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range keyAttempts {
		secret, missing, err := s.get(ctx)
		if err != nil {
			return false, err
		}
		if _, found := s.ended[session]; found {
			return false, nil
		}
		s.ended[session] = expires
		secret.Data = map[string][]byte{}
		for id, until := range s.ended {
			secret.Data[id] = strconv.AppendInt(nil, until.Unix(), 10)
		}
		if missing {
			secret.Namespace, secret.Name = s.name.Namespace, s.name.Name
			err = s.client.Create(ctx, secret)
		} else {
			err = s.client.Update(ctx, secret)
		}
		switch {
		case err == nil:
			return true, nil
		case !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err):
			s.read = time.Time{} // Whether it was written is not known.
			return false, fmt.Errorf("ending a session: %w", err)
		}
	}
	s.read = time.Time{}
	return false, fmt.Errorf("ending a session: Secret %s is being changed by others", s.name)
}

// Revoked implements Revocations.
func (s *SecretRevocations) Revoked(ctx context.Context, session string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now().Sub(s.read) >= revocationsMaxAge {
		if _, _, err := s.get(ctx); err != nil {
			return false, err
		}
	}
	_, found := s.ended[session]
	return found, nil
}

// get reads the Secret, and leaves out what has expired meanwhile.
func (s *SecretRevocations) get(ctx context.Context) (secret *corev1.Secret, missing bool, err error) {
	secret = &corev1.Secret{}
	err = s.live.Get(ctx, s.name, secret)
	if client.IgnoreNotFound(err) != nil {
		return nil, false, fmt.Errorf("reading the ended sessions: %w", err)
	}
	now := s.now()
	s.ended, s.read = map[string]time.Time{}, now
	for id, raw := range secret.Data {
		seconds, parseErr := strconv.ParseInt(string(raw), 10, 64)
		if until := time.Unix(seconds, 0); parseErr == nil && until.Add(clockSkew).After(now) {
			s.ended[id] = until
		}
	}
	return secret, err != nil, nil
}
