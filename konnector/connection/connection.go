// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/kubeconfig"
)

// Problem is a reason, as for a condition, and a text that says what to do.
type Problem struct{ Reason, Message string }

// Connection is one kubeconfig Secret and what runs by it.
type Connection struct {
	*Options
	places *places
	ref    kubebindv1alpha2.ClusterSecretKeyRef
	stop   context.CancelFunc
	// secrets holds the latest state of the Secret; only the latest counts.
	secrets chan *corev1.Secret

	mu      gosync.Mutex
	users   sets.Set[user]
	secret  *Problem
	session *Session
}

func newConnection(o *Options, places *places, ref kubebindv1alpha2.ClusterSecretKeyRef, stop context.CancelFunc) *Connection {
	return &Connection{
		Options: o,
		places:  places,
		ref:     ref,
		stop:    stop,
		secrets: make(chan *corev1.Secret, 1),
		users:   sets.New[user](),
		secret:  &Problem{kubebindv1alpha2.ReasonPending, "The Secret has not been read yet."},
	}
}

// State returns the session, or the problem with the Secret that keeps it from being there.
func (c *Connection) State() (*Session, *Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session, c.secret
}

func (c *Connection) join(u user) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users.Insert(u)
}

func (c *Connection) leave(u user) (left int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users.Delete(u)
	if c.session != nil && !u.bundle {
		c.session.syncers.drop(u.name)
	}
	return c.users.Len()
}

// announce tells all users of the connection that something is new.
func (c *Connection) announce() {
	c.mu.Lock()
	users := c.users.UnsortedList()
	c.mu.Unlock()
	for _, u := range users {
		if u.bundle {
			c.BundleChanged(u.name)
		} else {
			c.Changed(u.name)
		}
	}
}

// run follows the Secret until ctx ends: each good kubeconfig is a session, which ends before the next begins.
func (c *Connection) run(ctx context.Context) {
	var watching gosync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { c.watchSecret(ctx) })

	end := func() {}
	defer func() { end() }()
	var current []byte
	for {
		select {
		case <-ctx.Done():
			return
		case secret := <-c.secrets:
			data, credential, problem := c.read(secret)
			if problem == nil && string(data) == string(current) {
				continue
			}
			end()
			end, current = func() {}, nil
			c.set(nil, problem)
			if problem == nil {
				end, current = c.begin(ctx, credential), data
			}
			c.announce()
		}
	}
}

// begin starts a session and returns how to end it, which waits until it has.
func (c *Connection) begin(ctx context.Context, credential *kubeconfig.Credential) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	session, err := newSession(c, credential)
	if err != nil {
		cancel()
		c.set(nil, &Problem{kubebindv1alpha2.ReasonKubeconfigSecretInvalid, fmt.Sprintf("Secret %s: %v", c.refString(), err)})
		return func() {}
	}
	c.set(session, nil)
	var running gosync.WaitGroup
	running.Go(func() { session.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

func (c *Connection) set(session *Session, problem *Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.secret = session, problem
}

// read judges the Secret; nil is an absent one.
func (c *Connection) read(secret *corev1.Secret) ([]byte, *kubeconfig.Credential, *Problem) {
	if secret == nil {
		return nil, nil, &Problem{kubebindv1alpha2.ReasonKubeconfigSecretNotFound,
			fmt.Sprintf("Secret %s/%s does not exist: create it with the provider's kubeconfig under key %q.", c.ref.Namespace, c.ref.Name, c.ref.Key)}
	}
	data := secret.Data[c.ref.Key]
	if len(data) == 0 {
		return nil, nil, &Problem{kubebindv1alpha2.ReasonKubeconfigSecretInvalid,
			fmt.Sprintf("Secret %s has nothing under key %q: put the provider's kubeconfig there.", c.refString(), c.ref.Key)}
	}
	credential, err := kubeconfig.ParsePlace(data)
	if err != nil {
		reason := kubebindv1alpha2.ReasonKubeconfigSecretInvalid
		if errors.Is(err, kubeconfig.ErrNotAllowed) {
			reason = kubebindv1alpha2.ReasonKubeconfigRefused
		}
		return nil, nil, &Problem{reason, fmt.Sprintf("The kubeconfig in Secret %s, key %q, cannot be used: %v.", c.refString(), c.ref.Key, err)}
	}
	return data, credential, nil
}

func (c *Connection) refString() string { return c.ref.Namespace + "/" + c.ref.Name }
