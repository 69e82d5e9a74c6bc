// SPDX-License-Identifier: Apache-2.0

package providertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// repair asks for a place to be repaired as often as the provider says that it is not ready.
func (w World) repair(t *testing.T, p *providers.Place) *providers.Place {
	t.Helper()
	var out *providers.Place
	w.until(t, "repairing the place", func(ctx context.Context) error {
		var err error
		out, err = w.Provider.Repair(ctx, providers.Place{Cluster: p.Cluster, Namespace: p.Namespace})
		return err
	})
	return out
}

// renewed repairs a place until it has another credential: the provider may look at a cache that is late.
func (w World) renewed(t *testing.T, p *providers.Place) *providers.Place {
	t.Helper()
	out := p
	w.eventually(t, "a new credential", func(context.Context) error {
		if out = w.repair(t, p); bytes.Equal(out.Kubeconfig, p.Kubeconfig) {
			return errors.New("it is the old one")
		}
		return nil
	})
	return out
}

func (w World) eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pause, timeout, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting for %s: %v: %v", what, err, last)
	}
}

// opens tells whether a place can be looked at with the kubeconfig.
func (w World) opens(ctx context.Context, t *testing.T, p *providers.Place, kubeconfig []byte) error {
	t.Helper()
	key := client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.ClusterBindingName}
	return w.as(t, kubeconfig).Get(ctx, key, &kubebindv1alpha2.ClusterBinding{})
}

// kubeconfigSecret is what a place's consumer finds its credential in.
func (w World) kubeconfigSecret(t *testing.T, p *providers.Place) (*corev1.Secret, error) {
	t.Helper()
	secret, admin := &corev1.Secret{}, w.admin(t, p)
	return secret, admin.Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: p.KubeconfigSecret.Name}, secret)
}

func testRepair(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	if err := w.admin(t, p).Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.KubeconfigSecret.Name}}); err != nil {
		t.Fatal(err)
	}
	var repaired *providers.Place
	var secret *corev1.Secret
	w.eventually(t, "the kubeconfig Secret to be put back", func(context.Context) (err error) {
		repaired = w.repair(t, p)
		secret, err = w.kubeconfigSecret(t, p)
		return err
	})
	if repaired.Namespace != p.Namespace || repaired.KubeconfigSecret != p.KubeconfigSecret || !bytes.Equal(repaired.Kubeconfig, secret.Data[p.KubeconfigSecret.Key]) {
		t.Errorf("the place became %+v", repaired)
	}
	for name, kubeconfig := range map[string][]byte{"new": repaired.Kubeconfig, "old": p.Kubeconfig} {
		if err := w.opens(t.Context(), t, p, kubeconfig); err != nil {
			t.Errorf("the %s credential: %v", name, err)
		}
	}
}

func testRevokeAccount(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	testRevoke(t, w, p, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: kubebindv1alpha2.BinderName}})
}

func testRevokeToken(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	testRevoke(t, w, p, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: kubebindv1alpha2.BinderName}})
}

// testRevoke deletes what a credential stands on and expects it to be refused, and Repair to make another one.
func testRevoke(t *testing.T, w World, p *providers.Place, base client.Object) {
	t.Helper()
	if err := w.opens(t.Context(), t, p, p.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := w.admin(t, p).Delete(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "the old credential to be refused", func(ctx context.Context) error {
		if err := w.opens(ctx, t, p, p.Kubeconfig); !apierrors.IsUnauthorized(err) {
			return fmt.Errorf("it is answered with %w", err)
		}
		return nil
	})
	w.eventually(t, "a new credential that is good", func(ctx context.Context) error {
		return w.opens(ctx, t, p, w.renewed(t, p).Kubeconfig)
	})
	if err := w.opens(t.Context(), t, p, p.Kubeconfig); !apierrors.IsUnauthorized(err) {
		t.Errorf("the old credential is good again: %v", err)
	}
}

func testStatic(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	if again := w.repair(t, p); !p.RenewAt.IsZero() || !again.RenewAt.IsZero() || !bytes.Equal(p.Kubeconfig, again.Kubeconfig) {
		t.Errorf("the credential is to be renewed at %s, and then at %s", p.RenewAt, again.RenewAt)
	}
}

func testExpires(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	cfg, err := clientcmd.RESTConfigFromKubeConfig(p.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if lifetime := lifetimeOf(t, cfg.BearerToken); lifetime != w.Lifetime {
		t.Errorf("the token is good for %s, want %s", lifetime, w.Lifetime)
	}
	if p.RenewAt.IsZero() {
		t.Error("nobody is told to renew it")
	}
	err = w.admin(t, p).Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.BinderName}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("there is a token that does not expire: %v", err)
	}
}

// lifetimeOf reads a JWT.
func lifetimeOf(t *testing.T, token string) time.Duration {
	t.Helper()
	var claims struct {
		IssuedAt int64 `json:"iat"`
		Expires  int64 `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatal("the token is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err := errors.Join(err, json.Unmarshal(payload, &claims)); err != nil {
		t.Fatal(err)
	}
	return time.Duration(claims.Expires-claims.IssuedAt) * time.Second
}

// testRenewed lets time pass: nothing happens for nearly half of the lifetime, and then one renewal does.
func testRenewed(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	w.Later(w.Lifetime/2 - time.Minute)
	if early := w.repair(t, p); !bytes.Equal(early.Kubeconfig, p.Kubeconfig) || !early.RenewAt.Equal(p.RenewAt) {
		t.Error("it was renewed too early")
	}
	w.Later(2 * time.Minute)
	fresh := w.renewed(t, p)
	if half := fresh.RenewAt.Sub(p.RenewAt); half < w.Lifetime/2 || half > w.Lifetime/2+2*time.Minute {
		t.Errorf("the next renewal is %s after this one", half)
	}
	for name, kubeconfig := range map[string][]byte{"new": fresh.Kubeconfig, "old": p.Kubeconfig} {
		if err := w.opens(t.Context(), t, p, kubeconfig); err != nil {
			t.Errorf("the %s credential: %v", name, err)
		}
	}
	secret, err := w.kubeconfigSecret(t, p)
	if err != nil || !bytes.Equal(secret.Data[p.KubeconfigSecret.Key], fresh.Kubeconfig) {
		t.Errorf("the consumer does not find it: %v", err)
	}
	for range 10 {
		if again := w.repair(t, p); !bytes.Equal(again.Kubeconfig, fresh.Kubeconfig) {
			t.Fatal("it was renewed again at once")
		}
	}
	if again := w.place(t, person(t, "a")); !bytes.Equal(again.Kubeconfig, fresh.Kubeconfig) {
		t.Error("who asks for the place gets another one")
	}
	if now, err := w.kubeconfigSecret(t, p); err != nil || now.ResourceVersion != secret.ResourceVersion {
		t.Errorf("the Secret was written to without need: %v", err)
	}
}

func testConcurrentRenewals(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	w.Later(w.Lifetime)
	fresh := w.agree(t, func(ctx context.Context) (*providers.Place, error) {
		return w.Provider.Repair(ctx, providers.Place{Cluster: p.Cluster, Namespace: p.Namespace})
	})
	if bytes.Equal(fresh, p.Kubeconfig) {
		t.Error("it was not renewed")
	}
}

// testDamaged expects a kubeconfig of somebody else's making to be replaced by one that is good.
func testDamaged(t *testing.T, w World) {
	p := w.place(t, person(t, "a"))
	secret, err := w.kubeconfigSecret(t, p)
	if err != nil {
		t.Fatal(err)
	}
	damaged := []byte("users: [{name: default, user: {token: a.b.c}}]")
	secret.Data[p.KubeconfigSecret.Key] = damaged
	if err := w.admin(t, p).Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	// Who has read the old one just before may put that back, which is as good.
	w.eventually(t, "a credential that is good", func(ctx context.Context) error {
		repaired := w.repair(t, p)
		secret, err := w.kubeconfigSecret(t, p)
		if err == nil && bytes.Equal(secret.Data[p.KubeconfigSecret.Key], damaged) {
			err = errors.New("the Secret has still the damaged one")
		}
		if err != nil {
			return err
		}
		return w.opens(ctx, t, p, repaired.Kubeconfig)
	})
}
