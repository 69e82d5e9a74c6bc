// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/credential"
)

// ensureStaticToken returns the ServiceAccount's token without expiry, or a NotReadyError until the token controller has
// made one.
func (p *Places) ensureStaticToken(ctx context.Context, namespace string) (string, error) {
	want := &corev1.Secret{ObjectMeta: placeMeta(namespace, kubebindv1alpha2.BinderName), Type: corev1.SecretTypeServiceAccountToken}
	want.Annotations = map[string]string{corev1.ServiceAccountNameKey: kubebindv1alpha2.BinderName}
	secret, err := ensure(ctx, p, want, func(have *corev1.Secret) (bool, error) {
		if !isStaticToken(have) {
			return false, &providers.ForeignError{
				Object: "Secret " + namespace + "/" + have.Name, Message: "it is no token of the ServiceAccount; remove it",
			}
		}
		labelled := relabel(have)
		return noteTime(have, kubebindv1alpha2.DeleteAtAnnotation, time.Time{}) || labelled, nil
	})
	if err != nil {
		return "", err
	}
	token := credential.Token(secret)
	if token == "" {
		return "", &providers.NotReadyError{Message: "waiting for the token of the ServiceAccount", RetryAfter: retryAfter}
	}
	return token, nil
}

func isStaticToken(secret *corev1.Secret) bool {
	return secret.Type == corev1.SecretTypeServiceAccountToken && secret.Annotations[corev1.ServiceAccountNameKey] == kubebindv1alpha2.BinderName
}

// retireStaticToken deletes the Secret of a token without expiry one token lifetime after an expiring one has taken its
// place: until then the konnector has it, or has told in its ClusterBinding why not. When a token was made, the Secret is
// looked for on the server: an older backend's has no label, and is in no cache.
func (p *Places) retireStaticToken(ctx context.Context, place *providers.Place, made bool) error {
	reader := client.Reader(p.client)
	if made {
		reader = p.live
	}
	secret := &corev1.Secret{}
	err := reader.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: kubebindv1alpha2.BinderName}, secret)
	if apierrors.IsNotFound(err) || err == nil && (!isStaticToken(secret) || !secret.DeletionTimestamp.IsZero()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading its Secret: %w", err)
	}
	now := p.opts.Now()
	last, at := now.Add(p.opts.TokenLifetime).Truncate(time.Second), timeIn(secret, kubebindv1alpha2.DeleteAtAnnotation)
	if at.IsZero() || at.After(last) {
		if at, err = last, p.announce(ctx, secret, last); err != nil {
			return err
		}
	} else if !at.After(now) {
		return p.deleteSeen(ctx, secret)
	}
	if at.Before(place.RenewAt) {
		place.RenewAt = at
	}
	return nil
}

// announce notes when the Secret of a token goes. Whoever changes it meanwhile brings an event, and the next try.
func (p *Places) announce(ctx context.Context, secret *corev1.Secret, at time.Time) error {
	relabel(secret)
	noteTime(secret, kubebindv1alpha2.DeleteAtAnnotation, at)
	if err := p.client.Update(ctx, secret); apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return &providers.NotReadyError{Message: "the Secret of the token without expiry is being changed by others", RetryAfter: retryAfter}
	} else if err != nil {
		return fmt.Errorf("noting when it goes: %w", err)
	}
	return nil
}
