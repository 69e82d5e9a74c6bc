// SPDX-License-Identifier: Apache-2.0

package bindrequest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

func newRequest(mods ...func(*kubebindv1alpha2.BindableResourcesRequest)) *kubebindv1alpha2.BindableResourcesRequest {
	out := &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant", Name: "fruit", UID: "1"}}
	out.Spec.TemplateRef = &kubebindv1alpha2.TemplateReference{Name: "t"}
	for _, mod := range mods {
		mod(out)
	}
	return out
}

// W14.
func TestJudgeSecret(t *testing.T) {
	mine, err := answer(newRequest(), &providers.Place{Namespace: "cn"})
	if err != nil {
		t.Fatal(err)
	}
	ofAnother, err := answer(newRequest(func(r *kubebindv1alpha2.BindableResourcesRequest) { r.UID = "2" }), &providers.Place{Namespace: "cn"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		have *corev1.Secret
		ok   bool
	}{
		"absent":                 {nil, true},
		"made by an earlier try": {mine, true},
		"somebody's":             {&corev1.Secret{}, false},
		"of an older request":    {ofAnother, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := judgeSecret(newRequest(), tc.have)
			if v.proceed() != tc.ok {
				t.Errorf("got %+v", v)
			}
			if !tc.ok && (v.failure == nil || v.failure.Reason != kubebindv1alpha2.ReasonSecretConflict) {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestUnderWay(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		reason string
		edited bool
		want   bool
	}{
		"new":                    {"", false, false},
		"waiting for the place":  {kubebindv1alpha2.ReasonPending, false, true},
		"waiting for the export": {kubebindv1alpha2.ReasonExportNotReady, false, true},
		"edited since":           {kubebindv1alpha2.ReasonPending, true, false},
		"an error":               {kubebindv1alpha2.ReasonHandleResourcesFailed, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			request := newRequest()
			if tc.reason != "" {
				report(request, waiting(tc.reason, "x"), now)
			}
			if tc.edited {
				request.Generation++
			}
			if got := underWay(request); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestJudgePlace(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		err            error
		failure, wait  string
		again          time.Duration
		blocked, retry bool
	}{
		"W13: taken":  {err: &providers.IdentityTakenError{Identity: "i"}, failure: kubebindv1alpha2.ReasonIdentityTaken},
		"no identity": {err: &providers.InvalidConsumerError{}, failure: kubebindv1alpha2.ReasonIdentityMissing},
		"not ready":   {err: &providers.NotReadyError{RetryAfter: time.Second}, wait: kubebindv1alpha2.ReasonPending, again: time.Second},
		"foreign":     {err: &providers.ForeignError{}, blocked: true},
		"other":       {err: boom, retry: true},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := judgePlace(tc.err)
			if blocked, ok := errors.AsType[*loop.Blocked](err); ok != tc.blocked || ok && blocked.Reason != kubebindv1alpha2.ReasonHandleResourcesFailed {
				t.Errorf("error %v", err)
			}
			if errors.Is(err, boom) != tc.retry {
				t.Errorf("error %v", err)
			}
			if reasonOf(v.failure) != tc.failure || reasonOf(v.wait) != tc.wait || v.again != tc.again {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestJudgeConsumer(t *testing.T) {
	for reason, err := range map[string]error{
		"":                                     nil,
		kubebindv1alpha2.ReasonIdentityTaken:   &providers.IdentityTakenError{},
		kubebindv1alpha2.ReasonIdentityMissing: &providers.InvalidConsumerError{},
	} {
		if v := judgeConsumer(err); reasonOf(v.failure) != reason || v.proceed() != (err == nil) {
			t.Errorf("%v: got %+v", err, v)
		}
	}
}

func reasonOf(r *catalog.Refusal) string {
	if r == nil {
		return ""
	}
	return r.Reason
}

func TestJudgeExportRequest(t *testing.T) {
	template := &kubebindv1alpha2.APIServiceExportTemplate{}
	template.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "x.org", Resource: "mangos"}}}
	want := exportRequestFor(newRequest(), template, "cn")
	if want.Name != "fruit" || want.Namespace != "cn" {
		t.Errorf("it is %s/%s", want.Namespace, want.Name)
	}
	have := func(phase kubebindv1alpha2.Phase, mods ...func(*kubebindv1alpha2.APIServiceExportRequest)) *kubebindv1alpha2.APIServiceExportRequest {
		out := want.DeepCopy()
		out.Status.Phase = phase
		for _, mod := range mods {
			mod(out)
		}
		return out
	}
	other := func(r *kubebindv1alpha2.APIServiceExportRequest) { r.Spec.Resources[0].Resource = "melons" }
	ready := func(severity kubebindv1alpha2.ConditionSeverity) func(*kubebindv1alpha2.APIServiceExportRequest) {
		return func(r *kubebindv1alpha2.APIServiceExportRequest) {
			kubebindv1alpha2.SetCondition(&r.Status.Conditions, kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, "Why", severity, "so"))
		}
	}
	for name, tc := range map[string]struct {
		have          *kubebindv1alpha2.APIServiceExportRequest
		failure, wait string
		// expected says that nobody has to do anything.
		expected bool
	}{
		"just made":          {have(""), "", kubebindv1alpha2.ReasonExportNotReady, true},
		"pending":            {have(kubebindv1alpha2.PhasePending, ready(kubebindv1alpha2.SeverityInfo)), "", kubebindv1alpha2.ReasonExportNotReady, true},
		"held up":            {have(kubebindv1alpha2.PhasePending, ready(kubebindv1alpha2.SeverityError)), "", kubebindv1alpha2.ReasonExportNotReady, false},
		"succeeded":          {have(kubebindv1alpha2.PhaseSucceeded), "", "", false},
		"failed":             {have(kubebindv1alpha2.PhaseFailed), kubebindv1alpha2.ReasonExportFailed, "", false},
		"for something else": {have(kubebindv1alpha2.PhaseSucceeded, other), kubebindv1alpha2.ReasonExportConflict, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			v := judgeExportRequest(want, tc.have)
			if reasonOf(v.failure) != tc.failure || reasonOf(v.wait) != tc.wait {
				t.Errorf("got %+v", v)
			}
			request := newRequest()
			report(request, v, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			if got := readiness(request).Expected; got != tc.expected {
				t.Errorf("nobody has to do anything: %v", got)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	place := &providers.Place{Namespace: "cn", Kubeconfig: []byte("apiVersion: v1")}
	named := func(name, key string) func(*kubebindv1alpha2.BindableResourcesRequest) {
		return func(r *kubebindv1alpha2.BindableResourcesRequest) {
			r.Spec.KubeconfigSecretRef = &kubebindv1alpha2.LocalSecretKeyRef{Name: name, Key: key}
		}
	}
	for name, tc := range map[string]struct {
		request              *kubebindv1alpha2.BindableResourcesRequest
		secret, key, binding string
	}{
		"default":          {newRequest(), "fruit-binding-response", "binding-response", "fruit"},
		"named":            {newRequest(named("s", "k")), "s", "k", "fruit"},
		"without key":      {newRequest(named("s", "")), "s", "kubeconfig", "fruit"},
		"without template": {newRequest(func(r *kubebindv1alpha2.BindableResourcesRequest) { r.Spec.TemplateRef = nil }), "fruit-binding-response", "binding-response", ""},
	} {
		t.Run(name, func(t *testing.T) {
			secret, err := answer(tc.request, place)
			if err != nil {
				t.Fatal(err)
			}
			if secret.Name != tc.secret || secret.Namespace != "tenant" || !metav1.IsControlledBy(secret, tc.request) {
				t.Errorf("metadata %+v", secret.ObjectMeta)
			}
			var response kubebindv1alpha2.BindingResourceResponse
			if err := json.Unmarshal(secret.Data[tc.key], &response); err != nil {
				t.Fatal(err)
			}
			if string(response.Kubeconfig) != "apiVersion: v1" || response.ProviderNamespace != "cn" || response.BindingName != tc.binding ||
				response.Kind != "BindingResourceResponse" || response.APIVersion != "kube-bind.io/v1alpha2" {
				t.Errorf("got %+v", response)
			}
		})
	}
}

func TestReport(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		verdict verdict
		phase   kubebindv1alpha2.Phase
		status  metav1.ConditionStatus
		reason  string
	}{
		"done":    {verdict{}, kubebindv1alpha2.PhaseSucceeded, metav1.ConditionTrue, kubebindv1alpha2.ReasonSecretReady},
		"failed":  {failed("TemplateNotFound", "x"), kubebindv1alpha2.PhaseFailed, metav1.ConditionFalse, "TemplateNotFound"},
		"waiting": {waiting("Pending", "x"), "", metav1.ConditionFalse, "Pending"},
	} {
		t.Run(name, func(t *testing.T) {
			request := newRequest()
			report(request, tc.verdict, now)
			ready := meta.FindStatusCondition(request.Status.Conditions, kubebindv1alpha2.ConditionReady)
			if ready == nil || ready.Status != tc.status || ready.Reason != tc.reason || request.Status.Phase != tc.phase {
				t.Errorf("status %+v", request.Status)
			}
			if (request.Status.CompletionTime != nil) != (tc.phase != "") {
				t.Errorf("completion time %v", request.Status.CompletionTime)
			}
		})
	}
}

// Whoever reads a failure learns what to do.
func TestFailuresAdvise(t *testing.T) {
	taken, _ := judgePlace(&providers.IdentityTakenError{Identity: "i"})
	unnamed, _ := judgePlace(&providers.InvalidConsumerError{Message: "no identity"})
	for advice, v := range map[string]verdict{
		"ask with another spec.clusterIdentity": judgeConsumer(&providers.IdentityTakenError{Identity: "i"}),
		"must be a line":                        judgeConsumer(&providers.InvalidConsumerError{Message: "it must be a line"}),
		"spec.kubeconfigSecretRef":              judgeSecret(newRequest(), &corev1.Secret{}),
		"ask from the namespace":                taken,
		"set spec.clusterIdentity":              unnamed,
	} {
		if v.failure == nil || !strings.Contains(v.failure.Message, advice) {
			t.Errorf("%+v does not say %q", v.failure, advice)
		}
	}
}

func TestExpiry(t *testing.T) {
	done := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ttl := func(d time.Duration) func(*kubebindv1alpha2.BindableResourcesRequest) {
		return func(r *kubebindv1alpha2.BindableResourcesRequest) {
			r.Spec.TTLAfterFinished = ptr.To(metav1.Duration{Duration: d})
		}
	}
	ended := func(phase kubebindv1alpha2.Phase) func(*kubebindv1alpha2.BindableResourcesRequest) {
		return func(r *kubebindv1alpha2.BindableResourcesRequest) {
			r.Status.Phase, r.Status.CompletionTime = phase, &done
		}
	}
	for name, tc := range map[string]struct {
		request           *kubebindv1alpha2.BindableResourcesRequest
		finished, expires bool
		left              time.Duration
	}{
		"pending":         {newRequest(ttl(time.Minute)), false, false, 0},
		"kept for ever":   {newRequest(ended(kubebindv1alpha2.PhaseSucceeded)), true, false, 0},
		"kept for a time": {newRequest(ttl(time.Hour), ended(kubebindv1alpha2.PhaseFailed)), true, true, 59 * time.Minute},
		"due":             {newRequest(ttl(0), ended(kubebindv1alpha2.PhaseSucceeded)), true, true, -time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			finished, expires, left := expiry(tc.request, done.Add(time.Minute))
			if finished != tc.finished || expires != tc.expires || left != tc.left {
				t.Errorf("got %v, %v, %s", finished, expires, left)
			}
		})
	}
}
