// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// bindVerb is what somebody must be allowed to do with a template.
const bindVerb = "bind"

// Access asks a logical cluster what people may bind in it. Rights are given there, by RBAC.
type Access struct {
	prefixes Prefixes
}

// NewAccess returns an Access for people with those prefixes.
func NewAccess(prefixes Prefixes) *Access { return &Access{prefixes: prefixes} }

// MayBind tells whether somebody may bind a template, or with "" every one, in the logical cluster of c.
func (a *Access) MayBind(ctx context.Context, c client.Client, session *Session, template string) (bool, error) {
	user, err := a.prefixes.User(session.Username, session.Groups)
	if err != nil {
		return false, &kubebindv1alpha2.Error{Code: kubebindv1alpha2.ErrorCodeAuthorizationFailed, Message: err.Error()}
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Name, Groups: user.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: kubebindv1alpha2.GroupName, Resource: "apiserviceexporttemplates", Verb: bindVerb, Name: template,
		},
	}}
	if err := c.Create(ctx, review); err != nil {
		return false, fmt.Errorf("asking whether %s may bind: %w", user.Name, err)
	}
	return review.Status.Allowed && !review.Status.Denied, nil
}
