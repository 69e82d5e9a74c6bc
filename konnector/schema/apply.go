// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// hearTime is how long it takes, as a rule, until an API server serves new watches by a CRD that was changed.
	hearTime = 5 * time.Second
	// settleTime is how long after a change of a CRD an API server may serve watches by the old schema: it waits for their
	// end for two minutes at most, see tearDown in k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go. The
	// rest is for it to hear of the change.
	settleTime = 2*time.Minute + 10*time.Second
)

// Settling counts down while watches may still be served by the schema that a version had before its last change: 2 if even
// new ones may be, 1 if those that began in time may be, 0 if none can be. left is how long it stays so, 0 if for good.
func Settling(crd *apiextensionsv1.CustomResourceDefinition, version string, now time.Time) (stage int, left time.Duration) {
	changed, ok := changes(crd)[version]
	if !ok {
		return 0, 0
	}
	switch age := now.Sub(changed); {
	case age < hearTime:
		return 2, hearTime - age
	case age < settleTime:
		return 1, settleTime - age
	}
	return 0, 0
}

// changes says when the schemas of versions were changed.
func changes(crd *apiextensionsv1.CustomResourceDefinition) map[string]time.Time {
	out := map[string]time.Time{}
	// What somebody else wrote there counts as nothing.
	if err := json.Unmarshal([]byte(crd.Annotations[kubebindv1alpha2.SchemaChangedAnnotation]), &out); err != nil {
		return map[string]time.Time{}
	}
	return out
}

// noteChange writes the time of a change of versions on the CRD.
func noteChange(crd *apiextensionsv1.CustomResourceDefinition, versions []string, now time.Time) error {
	if len(versions) == 0 {
		return nil
	}
	all := changes(crd)
	for _, version := range versions {
		all[version] = now.UTC().Truncate(time.Second)
	}
	data, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("noting the change of CustomResourceDefinition %s: %w", crd.Name, err)
	}
	metav1.SetMetaDataAnnotation(&crd.ObjectMeta, kubebindv1alpha2.SchemaChangedAnnotation, string(data))
	return nil
}

// VersionHash changes with what a version says of its objects.
func VersionHash(v apiextensionsv1.CustomResourceDefinitionVersion) string {
	data, err := json.Marshal(v.Schema)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Apply does what a Step says and returns the CRD as it is afterwards, or nil if there is none of ours. A change of
// schemas is noted with its time on the CRD.
func Apply(ctx context.Context, c client.Client, step Step, now time.Time) (*apiextensionsv1.CustomResourceDefinition, error) {
	manager := client.FieldOwner(kubebindv1alpha2.FieldManager)
	switch step.Verdict {
	case Create:
		if err := c.Create(ctx, step.CRD, manager); err != nil {
			return nil, fmt.Errorf("creating CustomResourceDefinition %s: %w", step.CRD.Name, err)
		}
	case Update, Join:
		if err := noteChange(step.CRD, step.Changed, now); err != nil {
			return nil, err
		}
		if err := c.Update(ctx, step.CRD, manager); err != nil {
			return nil, fmt.Errorf("updating CustomResourceDefinition %s: %w", step.CRD.Name, err)
		}
	case InSync, Foreign, Terminating, Invalid, Breaking, Unjoinable:
	}
	return step.CRD, nil
}

// Established says whether the API server serves the CRD's API.
func Established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue
		}
	}
	return false
}

// ServedBy are the versions of a CRD that are served here, and by another one as well.
func ServedBy(crd, other *apiextensionsv1.CustomResourceDefinition) []apiextensionsv1.CustomResourceDefinitionVersion {
	var out []apiextensionsv1.CustomResourceDefinitionVersion
	for _, v := range crd.Spec.Versions {
		if there := versionNamed(other, v.Name); v.Served && there != nil && there.Served {
			out = append(out, v)
		}
	}
	return out
}

// SyncedVersion is the version that objects are synced in: the storage version if it is served, since nothing needs
// conversion then, or else the first that is.
func SyncedVersion(crd *apiextensionsv1.CustomResourceDefinition) (apiextensionsv1.CustomResourceDefinitionVersion, bool) {
	var found apiextensionsv1.CustomResourceDefinitionVersion
	ok := false
	for _, v := range crd.Spec.Versions {
		if v.Served && (v.Storage || !ok) {
			found, ok = v, true
			if v.Storage {
				break
			}
		}
	}
	return found, ok
}
