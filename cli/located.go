// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net/url"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/printable"
)

// clusterError is an error of a cluster's API server, or of the way there. It says which cluster.
type clusterError struct {
	// where is the address of its API server.
	where string
	// provider says that it is the provider's, and not the person's own.
	provider bool
	err      error
}

func (e *clusterError) Error() string {
	whose := "your cluster"
	if e.provider {
		whose = "the provider's cluster"
	}
	if transport, ok := errors.AsType[*url.Error](e.err); ok {
		return whose + " (" + e.where + ") cannot be reached: " + transport.Err.Error()
	}
	return whose + " says: " + printable.Line(e.err.Error())
}

func (e *clusterError) Unwrap() error { return e.err }

// located is a client whose errors are clusterErrors.
type located struct {
	client.Client
	where    string
	provider bool
}

func (l *located) tell(err error) error {
	if err == nil || meta.IsNoMatchError(err) {
		return err
	}
	return &clusterError{where: l.where, provider: l.provider, err: err}
}

func (l *located) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	return l.tell(l.Client.Get(ctx, key, into, opts...))
}

func (l *located) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	return l.tell(l.Client.List(ctx, into, opts...))
}

func (l *located) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	return l.tell(l.Client.Create(ctx, object, opts...))
}

func (l *located) Update(ctx context.Context, object client.Object, opts ...client.UpdateOption) error {
	return l.tell(l.Client.Update(ctx, object, opts...))
}

func (l *located) Patch(ctx context.Context, object client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return l.tell(l.Client.Patch(ctx, object, patch, opts...))
}

func (l *located) Delete(ctx context.Context, object client.Object, opts ...client.DeleteOption) error {
	return l.tell(l.Client.Delete(ctx, object, opts...))
}

func (l *located) Apply(ctx context.Context, object runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return l.tell(l.Client.Apply(ctx, object, opts...))
}
