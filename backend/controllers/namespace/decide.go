// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/backend/catalog"
)

// kubernetesPrefix is kept for namespaces of Kubernetes itself.
const kubernetesPrefix = "kube-"

// facts are all that the namespace of an APIServiceNamespace depends on.
type facts struct {
	wanted *kubebindv1alpha2.APIServiceNamespace
	// isolation of the consumer's exports.
	isolation kubebindv1alpha2.Isolation
	// prefix starts the names of contract namespaces.
	prefix string
	// have is the Namespace of the name that nameFor gives, or nil.
	have *corev1.Namespace
	// rightsMissing names exports that are ready but have no rights in the namespace yet.
	rightsMissing []string
}

// decision is what becomes of a namespace: at most one of the fields create and ready is set.
type decision struct {
	// create is a Namespace to make, or nil.
	create *corev1.Namespace
	// ready is whether the consumer may use the namespace.
	ready bool
	// refusal is why it may not, or nil if something is only awaited.
	refusal *catalog.Refusal
	// awaited says what.
	awaited string
}

// nameFor returns the name of the provider namespace. A name that was given once stays: isolation may have changed since.
// With isolation None consumers choose names for the whole provider, so some are kept from them.
func nameFor(wanted *kubebindv1alpha2.APIServiceNamespace, isolation kubebindv1alpha2.Isolation, prefix string) (string, *catalog.Refusal) {
	if wanted.Status.Namespace != "" {
		return wanted.Status.Namespace, nil
	}
	name, err := mapping.ServiceNamespaceName(wanted.Namespace, wanted.Name, isolation)
	if tooLong, ok := errors.AsType[*mapping.NameTooLongError](err); ok {
		return "", &catalog.Refusal{Reason: kubebindv1alpha2.ReasonNameTooLong, Message: tooLong.Error()}
	} else if err != nil {
		return "", &catalog.Refusal{Reason: kubebindv1alpha2.ReasonNameReserved, Message: err.Error()}
	}
	if problems := validation.IsDNS1123Label(wanted.Name); len(problems) > 0 {
		return "", &catalog.Refusal{
			Reason:  kubebindv1alpha2.ReasonNameReserved,
			Message: fmt.Sprintf("no namespace can be called %q: %s", wanted.Name, strings.Join(problems, "; ")),
		}
	}
	if isolation == kubebindv1alpha2.IsolationNone && (strings.HasPrefix(name, kubernetesPrefix) || strings.HasPrefix(name, prefix)) {
		return "", &catalog.Refusal{
			Reason:  kubebindv1alpha2.ReasonNameReserved,
			Message: fmt.Sprintf("names that begin with %q or %q are not given to consumers", kubernetesPrefix, prefix),
		}
	}
	return name, nil
}

func decide(f facts, name string) decision {
	switch {
	case f.have == nil:
		return decision{create: namespaceFor(f.wanted, name), awaited: "the namespace is being made"}
	case !belongs(f.have, f.wanted) && !f.lent():
		return decision{refusal: &catalog.Refusal{
			Reason:  kubebindv1alpha2.ReasonNamespaceConflict,
			Message: fmt.Sprintf("the provider has a namespace %q already, which was not made for this one, and does not lend it", name),
		}}
	case !f.have.DeletionTimestamp.IsZero():
		return decision{refusal: &catalog.Refusal{
			Reason:  kubebindv1alpha2.ReasonNamespaceTerminating,
			Message: fmt.Sprintf("the namespace %q on the provider is still being deleted", name),
		}}
	case len(f.rightsMissing) > 0:
		return decision{awaited: "rights are being given for " + strings.Join(f.rightsMissing, ", ")}
	}
	return decision{ready: true}
}

// lent says that the provider lends the consumer a namespace of its own.
func (f facts) lent() bool {
	return f.isolation == kubebindv1alpha2.IsolationNone && kubebindv1alpha2.Adoptable(f.have, f.wanted.Namespace)
}

func namespaceFor(wanted *kubebindv1alpha2.APIServiceNamespace, name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:        name,
		Labels:      map[string]string{kubebindv1alpha2.ContractNamespaceLabel: wanted.Namespace},
		Annotations: map[string]string{kubebindv1alpha2.APIServiceNamespaceAnnotation: mark(wanted.Namespace, wanted.Name)},
	}}
}

func mark(namespace, name string) string { return namespace + "/" + name }

func belongs(have *corev1.Namespace, wanted *kubebindv1alpha2.APIServiceNamespace) bool {
	return have.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation] == mark(wanted.Namespace, wanted.Name)
}

// isolationOf returns the isolation of a consumer's exports: that of the oldest one, or the provider's own setting.
func isolationOf(exports []kubebindv1alpha2.APIServiceExport, setting kubebindv1alpha2.Isolation) kubebindv1alpha2.Isolation {
	var oldest *kubebindv1alpha2.APIServiceExport
	for i := range exports {
		e := &exports[i]
		if oldest == nil || e.CreationTimestamp.Before(&oldest.CreationTimestamp) ||
			e.CreationTimestamp.Equal(&oldest.CreationTimestamp) && e.Name < oldest.Name {
			oldest = e
		}
	}
	if oldest == nil {
		return setting
	}
	return oldest.Spec.Isolation
}

// report writes a decision into the status. A namespace that the consumer may not use for now keeps its name there.
func report(status *kubebindv1alpha2.APIServiceNamespaceStatus, name string, d decision) {
	condition := kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionReady)
	switch {
	case d.ready:
		status.Namespace = name
	case d.refusal != nil:
		condition = kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady,
			d.refusal.Reason, kubebindv1alpha2.SeverityError, d.refusal.Message)
	default:
		condition = kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady,
			kubebindv1alpha2.ReasonPending, kubebindv1alpha2.SeverityInfo, d.awaited)
	}
	kubebindv1alpha2.SetCondition(&status.Conditions, condition)
}
