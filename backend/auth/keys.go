// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// keyBytes is the size of a key for AES-256.
	keyBytes = 32
	// keyStamp is how the time a key was made at starts its id.
	keyStamp = "20060102t150405z"
	// settling is how long a new key is only opened with: until then every replica has read it.
	settling = 2 * time.Minute
	// keysMaxAge is how old what was read of the keys may be.
	keysMaxAge = time.Minute
	// unknownKeyPause is how long the Secret is not read again because of keys that nobody has: they cost an attacker
	// nothing.
	unknownKeyPause = time.Second
	// keyAttempts to write a Secret that other replicas are writing too.
	keyAttempts = 5
)

// KeyOptions say where keys are and how long they are used.
type KeyOptions struct {
	// Secret holds the keys, one under each id. It is made if there is none.
	Secret types.NamespacedName
	// Rotation is after how long a new key is made.
	Rotation time.Duration
	// Lifetime is how long what is sealed can be opened, at least. Less than a login may take is taken for that.
	Lifetime time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Keys are the keys that all replicas of a backend seal with. They are in a Secret. Whichever replica finds the newest one too
// old adds another, and drops those that nothing valid is sealed with any more. Whoever deletes the Secret ends all sessions.
type Keys struct {
	client client.Client
	live   client.Reader
	opts   KeyOptions

	mu   sync.Mutex
	ring ring
	read time.Time
}

// NewKeys returns the keys in a Secret. live reads from the API server.
func NewKeys(c client.Client, live client.Reader, opts KeyOptions) *Keys {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Lifetime = max(opts.Lifetime, loginLifetime)
	return &Keys{client: c, live: live, opts: opts}
}

// current returns the key to seal with.
func (k *Keys) current(ctx context.Context) (key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx, keysMaxAge); err != nil {
		return key{}, err
	}
	return k.ring.current(k.opts.Now()), nil
}

// find returns the key that something was sealed with.
func (k *Keys) find(ctx context.Context, id string) (key, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx, keysMaxAge); err != nil {
		return key{}, false, err
	}
	if found, ok := k.ring.find(id); ok {
		return found, true, nil
	}
	// Another replica may just have made it.
	if err := k.refresh(ctx, unknownKeyPause); err != nil {
		return key{}, false, err
	}
	found, ok := k.ring.find(id)
	return found, ok, nil
}

// refresh reads the Secret if what is known of it is older than maxAge, and rotates.
func (k *Keys) refresh(ctx context.Context, maxAge time.Duration) error {
	now := k.opts.Now()
	if len(k.ring) > 0 && now.Sub(k.read) < maxAge {
		return nil
	}
	for range keyAttempts {
		secret := &corev1.Secret{}
		err := k.live.Get(ctx, k.opts.Secret, secret)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading the session keys: %w", err)
		}
		missing := err != nil
		next, changed, err := ringOf(secret.Data).rotated(now, k.opts)
		if err != nil {
			return err
		}
		if changed {
			err = k.write(ctx, secret, next, missing)
		}
		switch {
		case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err):
			continue
		case err != nil:
			return fmt.Errorf("writing the session keys: %w", err)
		}
		k.ring, k.read = next, now
		return nil
	}
	return fmt.Errorf("writing the session keys: Secret %s is being changed by others", k.opts.Secret)
}

func (k *Keys) write(ctx context.Context, secret *corev1.Secret, next ring, missing bool) error {
	secret.Data = next.data()
	if missing {
		secret.Namespace, secret.Name = k.opts.Secret.Namespace, k.opts.Secret.Name
		return k.client.Create(ctx, secret)
	}
	return k.client.Update(ctx, secret)
}

// key is one of the keys. Its id tells when it was made.
type key struct {
	id   string
	made time.Time
	raw  []byte
}

func newKey(now time.Time) (key, error) {
	raw := make([]byte, keyBytes+4)
	if _, err := rand.Read(raw); err != nil {
		return key{}, fmt.Errorf("making a session key: %w", err)
	}
	made := now.UTC().Truncate(time.Second)
	return key{id: made.Format(keyStamp) + "-" + hex.EncodeToString(raw[keyBytes:]), made: made, raw: raw[:keyBytes]}, nil
}

// ring is a set of keys, oldest first.
type ring []key

// ringOf leaves out what is no key.
func ringOf(data map[string][]byte) ring {
	var out ring
	for _, id := range slices.Sorted(maps.Keys(data)) {
		stamp, _, _ := strings.Cut(id, "-")
		made, err := time.Parse(keyStamp, stamp)
		if err == nil && len(data[id]) == keyBytes {
			out = append(out, key{id: id, made: made, raw: data[id]})
		}
	}
	return out
}

func (r ring) data() map[string][]byte {
	out := map[string][]byte{}
	for _, k := range r {
		out[k.id] = k.raw
	}
	return out
}

// rotated adds a key if the newest one is too old, and drops those that nothing valid is sealed with any more.
func (r ring) rotated(now time.Time, opts KeyOptions) (next ring, changed bool, err error) {
	next = slices.Clone(r)
	if len(r) == 0 || now.Sub(r[len(r)-1].made) >= opts.Rotation {
		fresh, err := newKey(now)
		if err != nil {
			return nil, false, err
		}
		next = append(next, fresh)
	}
	// A key is sealed with until its successor has settled.
	for len(next) > 1 && now.Sub(next[1].made) >= opts.Lifetime+2*settling {
		next = next[1:]
	}
	return next, len(next) != len(r) || len(r) > 0 && next[0].id != r[0].id, nil
}

// current is the newest one that has settled, or the oldest.
func (r ring) current(now time.Time) key {
	for _, k := range slices.Backward(r) {
		if now.Sub(k.made) >= settling {
			return k
		}
	}
	return r[0]
}

func (r ring) find(id string) (key, bool) {
	i := slices.IndexFunc(r, func(k key) bool { return k.id == id })
	if i < 0 {
		return key{}, false
	}
	return r[i], true
}
