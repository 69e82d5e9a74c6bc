// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

// ensureCredential makes the token and the kubeconfig of a place.
//
// The konnector takes a renewed token over with a heartbeat, every two and a half minutes. Renewed at half of its lifetime,
// which is ten minutes or more, a token leaves it at least two of them. Nobody deletes the old one: it ends by itself.
func (p *Places) ensureCredential(ctx context.Context, account *corev1.ServiceAccount, place *providers.Place) error {
	if p.opts.TokenLifetime == 0 {
		token, err := p.ensureStaticToken(ctx, account.Namespace)
		if err != nil {
			return fmt.Errorf("making the token: %w", err)
		}
		return p.ensureKubeconfig(ctx, place, credential.Issued{Token: token}, never)
	}
	keep := func(have credential.Issued) bool { return have.Stale(account.UID, p.opts.Now()) == "" }
	issued, made, err := p.ensureExpiringToken(ctx, account, place.KubeconfigSecret)
	if err != nil {
		return fmt.Errorf("making the token: %w", err)
	}
	if err := p.ensureKubeconfig(ctx, place, issued, keep); err != nil {
		return err
	}
	if err := p.retireStaticToken(ctx, place, made); err != nil {
		return fmt.Errorf("taking the token without expiry away: %w", err)
	}
	return nil
}

// never keeps no token in place of the one that was made.
func never(credential.Issued) bool { return false }

// ensureExpiringToken returns the token in the kubeconfig Secret, or makes one (made) if the server says, too, that this one
// has to be replaced.
func (p *Places) ensureExpiringToken(ctx context.Context, account *corev1.ServiceAccount, ref kubebindv1alpha2.LocalSecretKeyRef) (_ credential.Issued, made bool, err error) {
	var why string
	for _, reader := range []client.Reader{p.client, p.live} {
		secret := &corev1.Secret{}
		err := reader.Get(ctx, client.ObjectKey{Namespace: account.Namespace, Name: ref.Name}, secret)
		if client.IgnoreNotFound(err) != nil {
			return credential.Issued{}, false, fmt.Errorf("reading the kubeconfig Secret: %w", err)
		}
		have := issuedIn(secret, ref.Key)
		if why = have.Stale(account.UID, p.opts.Now()); why == "" {
			return have, false, nil
		}
	}
	out, err := p.requestToken(ctx, account)
	if err == nil {
		ctrl.LoggerFrom(ctx).Info("made a token for a consumer", "contractNamespace", account.Namespace, "because", why, "renewAt", out.RenewAt)
	}
	return out, true, err
}

// requestToken asks the API server for a token of this very ServiceAccount.
func (p *Places) requestToken(ctx context.Context, account *corev1.ServiceAccount) (credential.Issued, error) {
	seconds := int64(p.opts.TokenLifetime / time.Second)
	request := &authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{UID: account.UID}}
	request.Spec.ExpirationSeconds = &seconds
	err := p.direct.SubResource("token").Create(ctx, account.DeepCopy(), request)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return credential.Issued{}, &providers.NotReadyError{Message: "the ServiceAccount is being made anew", RetryAfter: retryAfter}
	} else if err != nil {
		return credential.Issued{}, fmt.Errorf("asking for a token: %w", err)
	}
	return credential.Issue(request.Status.Token, account.UID, request.Status.ExpirationTimestamp.Time, p.opts.Now())
}

// issuedIn reads the token and its renewal from a kubeconfig Secret.
func issuedIn(secret *corev1.Secret, key string) credential.Issued {
	return credential.Issued{
		Token:   credential.TokenIn(secret.Data[key]),
		RenewAt: timeIn(secret, kubebindv1alpha2.RenewAtAnnotation),
	}
}

// ensureKubeconfig puts a token into the kubeconfig Secret, unless there is one to keep: somebody was faster. A consumer's
// kubeconfig is the same for everybody who asks.
func (p *Places) ensureKubeconfig(ctx context.Context, place *providers.Place, issued credential.Issued, keep func(credential.Issued) bool) error {
	ref := place.KubeconfigSecret
	want := &corev1.Secret{ObjectMeta: placeMeta(place.Namespace, ref.Name)}
	if _, err := p.fill(want, ref.Key, issued); err != nil {
		return err
	}
	secret, err := ensure(ctx, p, want, func(have *corev1.Secret) (bool, error) {
		labelled := relabel(have)
		token := issued
		if theirs := issuedIn(have, ref.Key); keep(theirs) {
			token = theirs
		}
		filled, err := p.fill(have, ref.Key, token)
		return labelled || filled, err
	})
	if err != nil {
		return fmt.Errorf("making the kubeconfig: %w", err)
	}
	place.Kubeconfig, place.RenewAt = secret.Data[ref.Key], timeIn(secret, kubebindv1alpha2.RenewAtAnnotation)
	return nil
}

// fill writes a kubeconfig with a token, and when to renew it, into a Secret.
func (p *Places) fill(secret *corev1.Secret, key string, issued credential.Issued) (changed bool, err error) {
	kubeconfig, err := p.endpoint.Kubeconfig(secret.Namespace, issued.Token)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(secret.Data[key], kubeconfig) {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key], changed = kubeconfig, true
	}
	return noteTime(secret, kubebindv1alpha2.RenewAtAnnotation, issued.RenewAt) || changed, nil
}

// timeIn reads a time from an annotation; zero is none that can be read.
func timeIn(obj metav1.Object, annotation string) time.Time {
	at, err := time.Parse(time.RFC3339, obj.GetAnnotations()[annotation])
	if err != nil {
		return time.Time{}
	}
	return at
}

// noteTime writes a time into an annotation; zero takes it away.
func noteTime(obj metav1.Object, annotation string, at time.Time) (changed bool) {
	annotations := obj.GetAnnotations()
	before, found := annotations[annotation]
	if at.IsZero() {
		delete(annotations, annotation)
		return found
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[annotation] = at.UTC().Format(time.RFC3339)
	obj.SetAnnotations(annotations)
	return annotations[annotation] != before
}
