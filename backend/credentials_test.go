// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
)

// opens tells whether a consumer's place can be looked at with a kubeconfig.
func (c consumer) opens(ctx context.Context, t *testing.T, kubeconfig []byte) error {
	t.Helper()
	return clientOf(t, kubeconfig).Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: "cluster"}, &kubebindv1alpha2.ClusterBinding{})
}

// renewed waits until the kubeconfig of a place is another one that is good, and returns its Secret.
func (c consumer) renewed(t *testing.T) *corev1.Secret {
	t.Helper()
	var secret *corev1.Secret
	eventually(t, "a new credential", func(ctx context.Context) error {
		if secret = get(t, admin(t), c.namespace, "kubeconfig", &corev1.Secret{}); bytes.Equal(secret.Data["kubeconfig"], c.kubeconfig) {
			return errors.New("it is the old one")
		}
		return c.opens(ctx, t, secret.Data["kubeconfig"])
	})
	return secret
}

// H12, SEC-16: deleting the ServiceAccount revokes a credential, and a new one is where the provider finds it. Of a token without
// expiry, deleting its Secret is enough.
func TestSEC16Revocation(t *testing.T) {
	for name, tc := range map[string]struct {
		static bool
		object client.Object
	}{
		"account of a token that expires": {false, &corev1.ServiceAccount{}},
		"account of a static token":       {true, &corev1.ServiceAccount{}},
		"static token":                    {true, &corev1.Secret{}},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, func(o *backend.Options) { o.StaticConsumerTokens = tc.static })
			c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
			if err := admin(t).Delete(t.Context(), get(t, admin(t), c.namespace, "kube-binder", tc.object)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the old credential to be refused", func(ctx context.Context) error {
				if err := c.opens(ctx, t, c.kubeconfig); !apierrors.IsUnauthorized(err) {
					return fmt.Errorf("it is answered with %w", err)
				}
				return nil
			})
			c.renewed(t)
		})
	}
}

// SEC-16: a token says itself when it ends, and whoever has it gets no other that lasts longer.
func TestSEC16TokensExpire(t *testing.T) {
	start(t, func(o *backend.Options) { o.ConsumerTokenLifetime = 10 * time.Minute })
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	cfg, err := clientcmd.RESTConfigFromKubeConfig(c.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(cfg.BearerToken, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil || claims.Expiry == nil || claims.IssuedAt == nil {
		t.Fatalf("the token does not expire: %v", err)
	}
	if lifetime := claims.Expiry.Time().Sub(claims.IssuedAt.Time()); lifetime != 10*time.Minute {
		t.Errorf("it is good for %s", lifetime)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: kubebindv1alpha2.BinderName}}
	year := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](365 * 24 * 3600)}}
	static := &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken}
	static.Namespace, static.Name = c.namespace, "static"
	static.Annotations = map[string]string{corev1.ServiceAccountNameKey: account.Name}
	forbidden(t, map[string]error{
		"have a token made that lasts a year":       c.SubResource("token").Create(t.Context(), account, year),
		"make itself a token that lasts for ever":   c.Create(t.Context(), static),
		"put off the renewal":                       c.Patch(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: kubebindv1alpha2.KubeconfigSecretName}}, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":null}}`))),
		"have another account with the same rights": c.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "another"}}),
	})
}

// SEC-16: a credential is renewed in time though nothing happens in the cluster. Its time is set to be soon: that is an event,
// but one that comes too early.
func TestRenewal(t *testing.T) {
	start(t, func(o *backend.Options) { o.ConsumerTokenLifetime = 10 * time.Minute })
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	secret := get(t, admin(t), c.namespace, "kubeconfig", &corev1.Secret{})
	due := time.Now().Add(3 * time.Second)
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, kubebindv1alpha2.RenewAtAnnotation, due.UTC().Format(time.RFC3339))
	if err := admin(t).Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	fresh := c.renewed(t)
	if early := time.Until(due.Truncate(time.Second)); early > 0 {
		t.Errorf("it was renewed %s too early", early)
	}
	next, err := time.Parse(time.RFC3339, fresh.Annotations[kubebindv1alpha2.RenewAtAnnotation])
	if left := time.Until(next); err != nil || left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("the next renewal is in %s, %v", left, err)
	}
	if err := c.opens(t.Context(), t, c.kubeconfig); err != nil {
		t.Errorf("the old credential: %v", err)
	}
	never(t, "it is renewed again", func(context.Context) error {
		if now := get(t, admin(t), c.namespace, "kubeconfig", &corev1.Secret{}); now.ResourceVersion != fresh.ResourceVersion {
			return errors.New("the Secret was written to")
		}
		return nil
	})
}

// A backend that is started with the other kind of tokens gives them to all consumers.
func TestKindOfTokensChanges(t *testing.T) {
	static := func(yes bool) func(*backend.Options) {
		return func(o *backend.Options) { o.StaticConsumerTokens = yes }
	}
	stop := start(t, static(true))
	c := bind(t, newNamespace(t, "-requests"), "place", t.Name(), "")
	stop()
	stop = start(t, static(false))
	expiring := c.renewed(t)
	if expiring.Annotations[kubebindv1alpha2.RenewAtAnnotation] == "" {
		t.Errorf("annotations %v", expiring.Annotations)
	}
	eventually(t, "the static token to be announced for deletion", func(ctx context.Context) error {
		token := get(t, admin(t), c.namespace, "kube-binder", &corev1.Secret{})
		if token.Annotations[kubebindv1alpha2.DeleteAtAnnotation] == "" {
			return fmt.Errorf("annotations %v", token.Annotations)
		}
		return c.opens(ctx, t, c.kubeconfig)
	})
	stop()
	start(t, static(true))
	eventually(t, "the static token to be back", func(context.Context) error {
		now := get(t, admin(t), c.namespace, "kubeconfig", &corev1.Secret{})
		if !bytes.Equal(now.Data["kubeconfig"], c.kubeconfig) || now.Annotations[kubebindv1alpha2.RenewAtAnnotation] != "" {
			return fmt.Errorf("it is not, annotations %v", now.Annotations)
		}
		return nil
	})
}
