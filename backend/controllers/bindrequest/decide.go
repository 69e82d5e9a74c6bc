// SPDX-License-Identifier: Apache-2.0

package bindrequest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// verdict is what a step has found out. The zero verdict means: go on.
type verdict struct {
	// failure ends the request for good.
	failure *catalog.Refusal
	// wait is what is awaited, with the documented reason; again is when to look again, or 0 if an event comes.
	wait  *catalog.Refusal
	again time.Duration
}

func (v verdict) proceed() bool { return v.failure == nil && v.wait == nil }

func failed(reason, format string, args ...any) verdict {
	return verdict{failure: &catalog.Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}}
}

func waiting(reason, format string, args ...any) verdict {
	return verdict{wait: &catalog.Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}}
}

// judgeSecret tells whether the answer can be written: have is the Secret of that name, or nil.
func judgeSecret(request *kubebindv1alpha2.BindableResourcesRequest, have *corev1.Secret) verdict {
	if have == nil || metav1.IsControlledBy(have, request) {
		return verdict{}
	}
	return failed(kubebindv1alpha2.ReasonSecretConflict,
		"the Secret %q exists and was not made for this request; remove it or name another one in spec.kubeconfigSecretRef, and ask again", have.Name)
}

// underWay tells whether an earlier pass has got as far as the place. The Secret was looked at then, and is again when it is written:
// on kcp a place takes several passes.
func underWay(request *kubebindv1alpha2.BindableResourcesRequest) bool {
	ready := meta.FindStatusCondition(request.Status.Conditions, kubebindv1alpha2.ConditionReady)
	return ready != nil && ready.ObservedGeneration == request.Generation &&
		(ready.Reason == kubebindv1alpha2.ReasonPending || ready.Reason == kubebindv1alpha2.ReasonExportNotReady)
}

// judgeConsumer tells what is wrong with whom a request asks for.
func judgeConsumer(err error) verdict {
	if taken, ok := errors.AsType[*providers.IdentityTakenError](err); ok {
		return failed(kubebindv1alpha2.ReasonIdentityTaken,
			"the identity %q is that of a person who signs in: it is for a bind in their browser; ask with another spec.clusterIdentity.identity", taken.Identity)
	}
	if err != nil {
		return failed(kubebindv1alpha2.ReasonIdentityMissing, "%s", err)
	}
	return verdict{}
}

// judgePlace tells what an error of Tenancy.Place means for the request. One without an answer is returned.
func judgePlace(err error) (verdict, error) {
	if taken, ok := errors.AsType[*providers.IdentityTakenError](err); ok {
		return failed(kubebindv1alpha2.ReasonIdentityTaken,
			"%s; ask from the namespace that the first request came from, or with another spec.clusterIdentity.identity", taken), nil
	}
	if invalid, ok := errors.AsType[*providers.InvalidConsumerError](err); ok {
		return failed(kubebindv1alpha2.ReasonIdentityMissing, "%s; set spec.clusterIdentity.identity", invalid), nil
	}
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		v := waiting(kubebindv1alpha2.ReasonPending, "the place is being made: %s", notReady)
		v.again = notReady.RetryAfter
		return v, nil
	}
	if foreign, ok := errors.AsType[*providers.ForeignError](err); ok {
		return verdict{}, loop.Block(kubebindv1alpha2.ReasonHandleResourcesFailed, "the place cannot be made: %s", foreign)
	}
	return verdict{}, err
}

// judgeExportRequest tells what the export request that was made for this one has come to.
func judgeExportRequest(want, have *kubebindv1alpha2.APIServiceExportRequest) verdict {
	if !equality.Semantic.DeepEqual(want.Spec, have.Spec) {
		return failed(kubebindv1alpha2.ReasonExportConflict,
			"the place has an export request %q for something else; ask under another name", have.Name)
	}
	switch have.Status.Phase {
	case kubebindv1alpha2.PhaseSucceeded:
		return verdict{}
	case kubebindv1alpha2.PhaseFailed:
		return failed(kubebindv1alpha2.ReasonExportFailed, "the export request failed: %s", have.Status.TerminalMessage)
	}
	ready := kubebindv1alpha2.FindCondition(have.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if ready == nil {
		return waiting(kubebindv1alpha2.ReasonExportNotReady, passing+"it was not looked at yet")
	}
	how := passing
	if ready.Severity != kubebindv1alpha2.SeverityInfo {
		how = heldUp
	}
	return waiting(kubebindv1alpha2.ReasonExportNotReady, how+"%s: %s", ready.Reason, ready.Message)
}

// outdated tells whether what was asked for before has come to nothing, and is not what the template offers now.
func outdated(want, have *kubebindv1alpha2.APIServiceExportRequest) bool {
	return have.Status.Phase != kubebindv1alpha2.PhaseSucceeded && !equality.Semantic.DeepEqual(want.Spec, have.Spec)
}

// How a message about an export that is not ready begins: it only takes a moment, or it takes somebody to mend something.
const (
	passing = "waiting for the export: "
	heldUp  = "the export waits until the provider has mended something: "
)

// exportRequestFor asks for all that a template offers, under the request's own name.
func exportRequestFor(request *kubebindv1alpha2.BindableResourcesRequest, template *kubebindv1alpha2.APIServiceExportTemplate, namespace string) *kubebindv1alpha2.APIServiceExportRequest {
	return &kubebindv1alpha2.APIServiceExportRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: request.Name},
		Spec:       catalog.RequestFor(&template.Spec),
	}
}

// secretRefOf returns where the answer goes.
func secretRefOf(request *kubebindv1alpha2.BindableResourcesRequest) kubebindv1alpha2.LocalSecretKeyRef {
	if ref := request.Spec.KubeconfigSecretRef; ref != nil {
		out := *ref
		if out.Key == "" {
			out.Key = kubebindv1alpha2.KubeconfigSecretKey
		}
		return out
	}
	return kubebindv1alpha2.LocalSecretKeyRef{
		Name: request.Name + kubebindv1alpha2.BindingResponseSecretSuffix,
		Key:  kubebindv1alpha2.BindingResponseKey,
	}
}

// answer is the Secret that a request is answered with. It goes with the request.
func answer(request *kubebindv1alpha2.BindableResourcesRequest, place *providers.Place) (*corev1.Secret, error) {
	response := kubebindv1alpha2.BindingResourceResponse{
		TypeMeta:          metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BindingResourceResponse"},
		Kubeconfig:        place.Kubeconfig,
		Requests:          []runtime.RawExtension{},
		ProviderNamespace: place.Namespace,
	}
	if request.Spec.TemplateRef != nil {
		response.BindingName = request.Name
	}
	raw, err := json.Marshal(response)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	ref := secretRefOf(request)
	owner := metav1.NewControllerRef(request, kubebindv1alpha2.GroupVersion.WithKind("BindableResourcesRequest"))
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: request.Namespace, Name: ref.Name, OwnerReferences: []metav1.OwnerReference{*owner}},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{ref.Key: raw},
	}, nil
}

// report writes a verdict into the status.
func report(request *kubebindv1alpha2.BindableResourcesRequest, v verdict, now time.Time) {
	condition := metav1.Condition{
		Type: kubebindv1alpha2.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: request.Generation,
	}
	switch {
	case v.failure != nil:
		condition.Reason, condition.Message = v.failure.Reason, v.failure.Message
		finish(request, kubebindv1alpha2.PhaseFailed, now)
	case v.wait != nil:
		condition.Reason, condition.Message = v.wait.Reason, v.wait.Message
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, kubebindv1alpha2.ReasonSecretReady
		condition.Message = fmt.Sprintf("the answer is in the Secret %q", secretRefOf(request).Name)
		finish(request, kubebindv1alpha2.PhaseSucceeded, now)
	}
	meta.SetStatusCondition(&request.Status.Conditions, condition)
}

func finish(request *kubebindv1alpha2.BindableResourcesRequest, phase kubebindv1alpha2.Phase, now time.Time) {
	request.Status.Phase = phase
	completed := metav1.NewTime(now.Truncate(time.Second))
	request.Status.CompletionTime = &completed
}

// expiry says whether a request is finished, whether it is to be deleted some time, and how much longer it is kept.
func expiry(request *kubebindv1alpha2.BindableResourcesRequest, now time.Time) (finished, expires bool, left time.Duration) {
	if request.Status.Phase != kubebindv1alpha2.PhaseFailed && request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
		return false, false, 0
	}
	if request.Spec.TTLAfterFinished == nil || request.Status.CompletionTime == nil {
		return true, false, 0
	}
	return true, true, request.Status.CompletionTime.Add(request.Spec.TTLAfterFinished.Duration).Sub(now)
}

// readiness is what the condition Ready says, for Events.
func readiness(request *kubebindv1alpha2.BindableResourcesRequest) loop.Readiness {
	c := meta.FindStatusCondition(request.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if c == nil {
		return loop.Readiness{}
	}
	return loop.Readiness{
		Status: string(c.Status), Reason: c.Reason, Message: c.Message,
		Expected: c.Reason == kubebindv1alpha2.ReasonPending || strings.HasPrefix(c.Message, passing),
	}
}
