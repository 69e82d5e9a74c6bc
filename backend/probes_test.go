// SPDX-License-Identifier: Apache-2.0

package backend_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-bind.io/kube-bind/backend"
)

// probed fails unless a probe is answered with a status, in the time that a kubelet has.
func probed(ctx context.Context, address, probe string, want int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+probe, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != want {
		return errorf("%s is answered with %d, %v", probe, response.StatusCode, response.Body.Close())
	}
	return response.Body.Close()
}

// A backend that cannot read what it works with lives, and is ready once it can.
func TestReadyWithObjects(t *testing.T) {
	address := freeAddress(t)
	start(t)() // makes the CRDs
	start(t, func(o *backend.Options) {
		o.Config, o.InstallCRDs, o.HealthAddress = configOf(t, "stranger"), false, address
	})
	eventually(t, "it to live", func(ctx context.Context) error { return probed(ctx, address, "/healthz", http.StatusOK) })
	never(t, "it is ready", func(ctx context.Context) error {
		if probed(ctx, address, "/readyz", http.StatusOK) == nil {
			return errorf("it says so")
		}
		return nil
	})
	create(t, admin(t), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: unique(t)},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "stranger"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	})
	eventually(t, "it to be ready", func(ctx context.Context) error { return probed(ctx, address, "/readyz", http.StatusOK) })
}
