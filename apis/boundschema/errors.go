// SPDX-License-Identifier: Apache-2.0

package boundschema

import (
	"fmt"
	"strings"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// RefusedError says that a resource cannot be exported or installed as it is. Trying again does not help before
// somebody changes the CRD, the request, or the provider's settings.
type RefusedError struct {
	// Resource is "<plural>.<group>".
	Resource string
	// Reason is the reason for conditions: SchemaInvalid, VersionNotFound or ScopeNotSupported.
	Reason string
	// Message says what is wrong, for people.
	Message string
}

// Error names the resource and says what is wrong.
func (e *RefusedError) Error() string { return e.Resource + ": " + e.Message }

// refusal makes errors about one resource.
type refusal struct{ resource string }

func (r refusal) invalid(format string, args ...any) error {
	return &RefusedError{
		Resource: r.resource, Reason: kubebindv1alpha2.ReasonSchemaInvalid, Message: fmt.Sprintf(format, args...),
	}
}

func (r refusal) scope(format string, args ...any) error {
	return &RefusedError{
		Resource: r.resource, Reason: kubebindv1alpha2.ReasonScopeNotSupported, Message: fmt.Sprintf(format, args...),
	}
}

func (r refusal) versions(missing, served []string) error {
	return &RefusedError{
		Resource: r.resource, Reason: kubebindv1alpha2.ReasonVersionNotFound,
		Message: fmt.Sprintf("version %s is not served; served are: %s",
			strings.Join(missing, ", "), strings.Join(served, ", ")),
	}
}
