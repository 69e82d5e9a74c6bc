// SPDX-License-Identifier: Apache-2.0

package template

import (
	"fmt"
	"strings"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
)

// judge says whether all that a template offers can be exported under these terms.
func judge(template *kubebindv1alpha2.APIServiceExportTemplate, sources catalog.Sources, terms catalog.Terms) {
	schemas, refusal := terms.Schemas(template.Spec.Resources, sources)
	set(template, kubebindv1alpha2.ConditionResourcesFound, refusal, catalog.Notices(schemas))
	set(template, kubebindv1alpha2.ConditionPermissionClaim, catalog.CheckClaims(template.Spec.PermissionClaims, template.Spec.Resources), "")
	kubebindv1alpha2.SetSummary(&template.Status.Conditions)
}

// set makes a condition true, perhaps with something to be noticed, unless there is a refusal.
func set(template *kubebindv1alpha2.APIServiceExportTemplate, condition string, refusal *catalog.Refusal, notice string) {
	c := kubebindv1alpha2.TrueCondition(condition)
	c.Message = notice
	if refusal != nil {
		c = kubebindv1alpha2.FalseCondition(condition, refusal.Reason, kubebindv1alpha2.SeverityError, refusal.Message)
	}
	kubebindv1alpha2.SetCondition(&template.Status.Conditions, c)
}

// judgeCollection says whether all templates of a collection are there and can be bound. templates are those that are
// there, by name.
func judgeCollection(collection *kubebindv1alpha2.Collection, templates map[string]*kubebindv1alpha2.APIServiceExportTemplate) {
	var missing, unready []string
	for _, ref := range collection.Spec.Templates {
		template, found := templates[ref.Name]
		switch {
		case !found:
			missing = append(missing, ref.Name)
		case !kubebindv1alpha2.IsTrue(template.Status.Conditions, kubebindv1alpha2.ConditionReady):
			unready = append(unready, ref.Name)
		}
	}
	condition := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionTemplatesFound)
	switch {
	case len(missing) > 0:
		condition = kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionTemplatesFound, kubebindv1alpha2.ReasonTemplateNotFound,
			kubebindv1alpha2.SeverityError, fmt.Sprintf("there is no template %s", strings.Join(missing, ", ")))
	case len(unready) > 0:
		condition = kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionTemplatesFound, kubebindv1alpha2.ReasonTemplateNotReady,
			kubebindv1alpha2.SeverityWarning, fmt.Sprintf("see the conditions of template %s", strings.Join(unready, ", ")))
	}
	kubebindv1alpha2.SetCondition(&collection.Status.Conditions, condition)
	kubebindv1alpha2.SetSummary(&collection.Status.Conditions)
}
