// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

func newTemplate(name string, ready bool) *kubebindv1alpha2.APIServiceExportTemplate {
	out := &kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: name}}
	out.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "x.org", Resource: name}}}
	if ready {
		kubebindv1alpha2.SetCondition(&out.Status.Conditions, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionReady))
	}
	return out
}

func TestJudge(t *testing.T) {
	template := newTemplate("mangos", false)
	template.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "pods"}}}
	judge(template, nil, catalog.Terms{})
	for condition, reason := range map[string]string{
		kubebindv1alpha2.ConditionResourcesFound:  kubebindv1alpha2.ReasonSchemaNotFound,
		kubebindv1alpha2.ConditionPermissionClaim: kubebindv1alpha2.ReasonInvalidPermissionClaim,
	} {
		if c := kubebindv1alpha2.FindCondition(template.Status.Conditions, condition); c == nil || c.Reason != reason || c.Status != metav1.ConditionFalse {
			t.Errorf("%s is %+v", condition, c)
		}
	}
	if kubebindv1alpha2.IsTrue(template.Status.Conditions, kubebindv1alpha2.ConditionReady) {
		t.Error("it is ready")
	}
}

func TestJudgeCollection(t *testing.T) {
	for name, tc := range map[string]struct {
		names   []string
		reason  string
		message string
	}{
		"all good":         {[]string{"good"}, "", ""},
		"one missing":      {[]string{"good", "gone", "bad"}, kubebindv1alpha2.ReasonTemplateNotFound, "gone"},
		"one not bindable": {[]string{"good", "bad"}, kubebindv1alpha2.ReasonTemplateNotReady, "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			collection := &kubebindv1alpha2.Collection{}
			for _, n := range tc.names {
				collection.Spec.Templates = append(collection.Spec.Templates, kubebindv1alpha2.TemplateReference{Name: n})
			}
			judgeCollection(collection, map[string]*kubebindv1alpha2.APIServiceExportTemplate{
				"good": newTemplate("good", true), "bad": newTemplate("bad", false),
			})
			ready := kubebindv1alpha2.FindCondition(collection.Status.Conditions, kubebindv1alpha2.ConditionReady)
			if ready == nil || ready.Reason != tc.reason || !strings.Contains(ready.Message, tc.message) || (ready.Status == metav1.ConditionTrue) != (tc.reason == "") {
				t.Errorf("got %+v", ready)
			}
		})
	}
}
