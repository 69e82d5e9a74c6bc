// SPDX-License-Identifier: Apache-2.0

package crds

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// installTimeout is how long one CRD may take before Install gives up on it.
const installTimeout = time.Minute

// Install makes the cluster serve the given CRDs: it creates each, or updates it where its spec is another one, and
// waits until the API server serves it and lists it in its discovery, which comes a little later and is what clients
// look kinds up in. What else stands in the metadata of an existing CRD is left alone. Conflicts with other writers,
// throttling, and an API server that is not up yet are tried again, for up to a minute a CRD.
//
// The error names the CRD, and why it is not served. The scheme of the client must know apiextensions/v1.
func Install(ctx context.Context, c client.Client, crds []*apiextensionsv1.CustomResourceDefinition) error {
	for _, crd := range crds {
		if err := apply(ctx, c, crd); err != nil {
			return fmt.Errorf("installing CRD %s: %w", crd.Name, err)
		}
	}
	for _, crd := range crds {
		if err := waitEstablished(ctx, c, crd.Name); err != nil {
			return fmt.Errorf("waiting for CRD %s: %w", crd.Name, err)
		}
		if err := waitDiscovered(ctx, c.RESTMapper(), crd); err != nil {
			return fmt.Errorf("waiting for discovery of CRD %s: %w", crd.Name, err)
		}
	}
	return nil
}

// apply writes one CRD, again and again while the failure is of a passing kind.
func apply(ctx context.Context, c client.Client, crd *apiextensionsv1.CustomResourceDefinition) error {
	var last error
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		last = createOrUpdate(ctx, c, crd)
		if last != nil && !passing(last) {
			return false, last
		}
		return last == nil, nil
	})
	return explain(err, last)
}

func createOrUpdate(ctx context.Context, c client.Client, crd *apiextensionsv1.CustomResourceDefinition) error {
	existing := &apiextensionsv1.CustomResourceDefinition{}
	err := c.Get(ctx, client.ObjectKeyFromObject(crd), existing)
	if apierrors.IsNotFound(err) {
		return c.Create(ctx, crd.DeepCopy())
	}
	if err != nil {
		return err
	}
	if !existing.DeletionTimestamp.IsZero() {
		return errTerminating
	}
	desired := desiredSpec(crd)
	if equality.Semantic.DeepEqual(existing.Spec, desired) {
		return nil
	}
	existing.Spec = desired
	return c.Update(ctx, existing)
}

// desiredSpec is the spec as the API server will hand it back: with its defaults.
func desiredSpec(crd *apiextensionsv1.CustomResourceDefinition) apiextensionsv1.CustomResourceDefinitionSpec {
	defaulted := crd.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinition(defaulted)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&defaulted.Spec)
	return defaulted.Spec
}

// waitEstablished waits until the API server serves a CRD, or says that it will not.
func waitEstablished(ctx context.Context, c client.Client, name string) error {
	last := errors.New("the API server has not looked at it yet")
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			last = err
			if passing(err) {
				return false, nil
			}
			return false, err
		}
		established, refused := state(crd)
		if refused != nil {
			last = refused
		}
		return established, refused
	})
	return explain(err, last)
}

// waitDiscovered waits until discovery has every served version of a CRD.
func waitDiscovered(ctx context.Context, mapper meta.RESTMapper, crd *apiextensionsv1.CustomResourceDefinition) error {
	kind := schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}
	for _, v := range crd.Spec.Versions {
		if !v.Served {
			continue
		}
		var last error
		err := poll(ctx, func(context.Context) (bool, error) {
			_, last = mapper.RESTMapping(kind, v.Name)
			if last != nil && !meta.IsNoMatchError(last) && !passing(last) {
				return false, last
			}
			return last == nil, nil
		})
		if err := explain(err, last); err != nil {
			return err
		}
	}
	return nil
}

// state reports whether a CRD is served, and the error if it will not be before somebody acts.
func state(crd *apiextensionsv1.CustomResourceDefinition) (established bool, refused error) {
	for _, c := range crd.Status.Conditions {
		switch {
		case c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue:
			return true, nil
		case c.Type == apiextensionsv1.NamesAccepted && c.Status == apiextensionsv1.ConditionFalse:
			refused = fmt.Errorf("its names are not accepted: %s: %s", c.Reason, c.Message)
		}
	}
	return false, refused
}

var errTerminating = errors.New("an older one is still being deleted")

// passing reports whether the same call may succeed a little later.
func passing(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsInternalError(err) || utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) ||
		utilnet.IsProbableEOF(err) || errors.Is(err, errTerminating)
}

// poll calls a condition at once and then with growing pauses, until it is met, fails, or time is up.
func poll(ctx context.Context, condition wait.ConditionWithContextFunc) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 10, Cap: 2 * time.Second}
	return backoff.DelayFunc().Until(ctx, true, true, condition)
}

// explain adds to a poll that ran out of time what went wrong last.
func explain(err, last error) error {
	if err == nil || last == nil || errors.Is(err, last) {
		return err
	}
	return fmt.Errorf("%w; at last: %w", err, last)
}
