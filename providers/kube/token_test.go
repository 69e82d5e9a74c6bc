// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
	"kube-bind.io/kube-bind/providers/providertest"
)

const lifetime = 2 * time.Hour

// expiring is the world with credentials that expire, and a clock of this test.
func expiring(t *testing.T) providertest.World {
	t.Helper()
	var ahead atomic.Int64
	p, err := kube.New(view, kube.Options{
		NamespacePrefix: prefix, PrettyName: "BigCorp", TokenLifetime: lifetime,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	out := world
	out.Provider, out.Lifetime = p, lifetime
	out.Later = func(d time.Duration) { ahead.Add(int64(d)) }
	return out
}

// until repairs a place until check is content: caches may be late.
func until(t *testing.T, what string, w providertest.World, p *providers.Place, check func(ctx context.Context, now *providers.Place) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		now, err := w.Provider.Repair(ctx, providers.Place{Namespace: p.Namespace})
		if _, ok := errors.AsType[*providers.NotReadyError](err); !ok && err != nil {
			return false, err
		}
		if last = err; err == nil {
			last = check(ctx, now)
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v: %v", what, err, last)
	}
}

// staticToken reads the Secret of a token without expiry.
func staticToken(ctx context.Context, p *providers.Place) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, world.Admin.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.BinderName}, secret)
}

func opens(ctx context.Context, p *providers.Place) error {
	cfg, err := clientcmd.RESTConfigFromKubeConfig(p.Kubeconfig)
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{Scheme: world.Scheme})
	if err != nil {
		return err
	}
	return c.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{})
}

// A provider that goes over to tokens that expire gives each consumer one, and a token lifetime to take it over.
func TestStaticTokenIsRetired(t *testing.T) {
	static, err := place(t, providers.Consumer{Identity: t.Name(), Requester: "r"})
	if err != nil {
		t.Fatal(err)
	}
	// As older backends made it.
	secret, err := staticToken(t.Context(), static)
	if err != nil {
		t.Fatal(err)
	}
	secret.Labels = nil
	if err := world.Admin.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w := expiring(t)
	check := func(ctx context.Context, now *providers.Place) error {
		secret, err := staticToken(ctx, static)
		if err != nil {
			return err
		}
		switch {
		case bytes.Equal(now.Kubeconfig, static.Kubeconfig):
			return errors.New("the token is the old one")
		case secret.Labels[kubebindv1alpha2.ContractNamespaceLabel] != static.Namespace || secret.Annotations[kubebindv1alpha2.DeleteAtAnnotation] == "":
			return fmt.Errorf("labels %v, annotations %v", secret.Labels, secret.Annotations)
		}
		return errors.Join(opens(ctx, static), opens(ctx, now))
	}
	until(t, "two good tokens", w, static, check)
	w.Later(lifetime - time.Minute)
	until(t, "a renewal, and the old token to be good", w, static, func(ctx context.Context, now *providers.Place) error {
		if left := time.Until(now.RenewAt) - lifetime + time.Minute; left > time.Minute {
			return fmt.Errorf("Repair is asked for too late, in %s", left)
		}
		return check(ctx, now)
	})
	w.Later(time.Minute)
	until(t, "the old token to go", w, static, func(ctx context.Context, now *providers.Place) error {
		if _, err := staticToken(ctx, static); !apierrors.IsNotFound(err) {
			return fmt.Errorf("its Secret is there: %w", err)
		}
		if err := opens(ctx, static); !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("it is answered with %w", err)
		}
		return opens(ctx, now)
	})
}

// A provider may change its mind: before the old token is gone, and after.
func TestBackToStaticTokens(t *testing.T) {
	w := expiring(t)
	static, err := place(t, providers.Consumer{Identity: t.Name(), Requester: "r"})
	if err != nil {
		t.Fatal(err)
	}
	expires := static
	changed := func(_ context.Context, now *providers.Place) error {
		if expires = now; bytes.Equal(now.Kubeconfig, static.Kubeconfig) {
			return errors.New("the token is the old one")
		}
		return nil
	}
	back := func(same bool) func(context.Context, *providers.Place) error {
		return func(ctx context.Context, now *providers.Place) error {
			secret, err := staticToken(ctx, static)
			switch {
			case err != nil:
				return err
			case bytes.Equal(now.Kubeconfig, static.Kubeconfig) != same || bytes.Equal(now.Kubeconfig, expires.Kubeconfig):
				return errors.New("the token is the wrong one")
			case !now.RenewAt.IsZero() || secret.Annotations[kubebindv1alpha2.DeleteAtAnnotation] != "":
				return fmt.Errorf("it is to be renewed at %s, annotations %v", now.RenewAt, secret.Annotations)
			}
			return errors.Join(opens(ctx, now), opens(ctx, expires))
		}
	}
	until(t, "a token that expires", w, static, changed)
	until(t, "the old token to stay", world, static, back(true))
	until(t, "another token that expires", w, static, changed)
	w.Later(2 * lifetime)
	until(t, "the old token to go", w, static, func(ctx context.Context, now *providers.Place) error {
		if _, err := staticToken(ctx, static); !apierrors.IsNotFound(err) {
			return fmt.Errorf("its Secret is there: %w", err)
		}
		return changed(ctx, now)
	})
	until(t, "a token without expiry", world, static, back(false))
}

// What has the name of the Secret, and is something else, is not taken away.
func TestForeignSecretIsNotRetired(t *testing.T) {
	w := expiring(t)
	p, err := placeIn(t, w, providers.Consumer{Identity: t.Name(), Requester: "r"})
	if err != nil {
		t.Fatal(err)
	}
	foreign := &corev1.Secret{}
	foreign.Namespace, foreign.Name = p.Namespace, kubebindv1alpha2.BinderName
	if err := world.Admin.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.Later(lifetime)
		until(t, "a renewal", w, p, func(context.Context, *providers.Place) error { return nil })
	}
	if after, err := staticToken(t.Context(), p); err != nil || after.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("it was written to: %v", err)
	}
}
