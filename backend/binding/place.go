// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// Place returns a consumer's place in a logical cluster with a template granted, and the scope that the place lies in. It waits for what takes a moment, as long as ctx lasts, and
// returns the errors of providers.Tenancy.Place.
func Place(ctx context.Context, fleet loop.Fleet, host loop.Scope, consumer providers.Consumer, template string) (*providers.Place, loop.Scope, error) {
	for {
		place, scope, err := tryPlace(ctx, fleet, host, consumer, template)
		if err == nil {
			return place, scope, nil
		}
		again, retry := patience(err)
		if !retry {
			return nil, loop.Scope{}, err
		}
		select {
		case <-ctx.Done():
			return nil, loop.Scope{}, fmt.Errorf("making the place: %w: %w", ctx.Err(), err)
		case <-time.After(again):
		}
	}
}

func tryPlace(ctx context.Context, fleet loop.Fleet, host loop.Scope, consumer providers.Consumer, template string) (*providers.Place, loop.Scope, error) {
	place, err := fleet.Provider.Place(ctx, host.Cluster, consumer)
	if err != nil {
		return nil, loop.Scope{}, err
	}
	scope, err := fleet.Scope(ctx, place.Cluster)
	if err != nil {
		return nil, loop.Scope{}, err
	}
	return place, scope, Grant(ctx, scope, place.Namespace, template)
}

// contended is how long to wait when somebody else writes the same.
const contended = 50 * time.Millisecond

func patience(err error) (time.Duration, bool) {
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		return notReady.RetryAfter, true
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return removalPause, true
	}
	return contended, apierrors.IsConflict(err)
}

// Request asks for what a template offers, in the contract namespace of a place, and waits until the answer is there, as
// long as ctx lasts. A request of that name for the same that has succeeded before is as good.
func Request(ctx context.Context, scope loop.Scope, want *kubebindv1alpha2.APIServiceExportRequest) (*kubebindv1alpha2.APIServiceExportRequest, error) {
	err := scope.Create(ctx, want.DeepCopy())
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("asking for the export: %w", err)
	}
	for {
		have := &kubebindv1alpha2.APIServiceExportRequest{}
		if err := scope.Live.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
			return nil, fmt.Errorf("reading the request for the export: %w", err)
		}
		if have.Status.Phase == kubebindv1alpha2.PhaseSucceeded || have.Status.Phase == kubebindv1alpha2.PhaseFailed {
			return have, nil
		}
		select {
		case <-ctx.Done():
			return have, fmt.Errorf("waiting for the export: %w", ctx.Err())
		case <-time.After(answerPoll):
		}
	}
}

// answerPoll is how often a request is looked at.
const answerPoll = 200 * time.Millisecond
