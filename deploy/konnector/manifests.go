// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// Name is that of the Deployment and its ServiceAccount.
	Name = "konnector"
	// Repository is where images are.
	Repository = "ghcr.io/kbind-dev/konnector"
	// Replicas is how many run; one of them works.
	Replicas = 2
	// roleName is the ClusterRole that collects all rights, and the binding to it.
	roleName = "kube-bind-konnector"
	baseName = roleName + ":base"
	// AggregateLabel marks ClusterRoles that are part of it.
	AggregateLabel = "rbac.kube-bind.io/aggregate-to-konnector"
	// port serves health and metrics.
	port = 8090
)

// Options say how a konnector is deployed.
type Options struct {
	// Image is the container image. Default: that of Version in Repository.
	Image string
	// Version of the konnector, such as v1.2.3.
	Version string
	// HostAliases are names that the Pods resolve by themselves.
	HostAliases []corev1.HostAlias
}

func (o Options) image() string {
	if o.Image != "" {
		return o.Image
	}
	return Repository + ":" + o.Version
}

// Label is what people call this konnector: its image, if one was named, or its version.
func (o Options) Label() string { return cmp.Or(o.Image, o.Version) }

// Objects returns everything that a konnector needs, in the order in which it can be applied, without kube-bind's CRDs: the
// konnector installs those. What it may do with the objects of a binding, RoleFor adds.
func Objects(o Options) []client.Object {
	return []client.Object{
		&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: kubebindv1alpha2.ConsumerNamespace},
		},
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta(Name)},
		baseRole(), collectingRole(), clusterRoleBinding(baseName), clusterRoleBinding(roleName), role(), roleBinding(), budget(), deployment(o),
	}
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: kubebindv1alpha2.ConsumerNamespace, Name: name, Labels: labels(),
	}
}

func labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": Name, "app.kubernetes.io/part-of": "kube-bind"}
}

func rbac(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}

// baseRole is what a konnector does before anything is bound. No role of RoleFor has its name: those go on with a hyphen. It is
// not among those that are collected: the controller that collects them would make the collecting role anew if both were deleted at once.
func baseRole() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta:   rbac("ClusterRole"),
		ObjectMeta: metav1.ObjectMeta{Name: baseName},
		Rules: []rbacv1.PolicyRule{
			{
				APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiservicebindings", "apiservicebindingbundles"},
				Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"},
			},
			{
				APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiservicebindings/status", "apiservicebindingbundles/status"},
				Verbs: []string{"get", "update", "patch"},
			},
			// Owners that block deletion, where the API server asks for it.
			{APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiservicebindings/finalizers", "apiservicebindingbundles/finalizers"}, Verbs: []string{"update"}},
			{
				APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"},
				Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"},
			},
			// Namespaces of a template are made here, and removed with it.
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list", "watch", "create", "patch", "update", "delete"}},
			{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch", "update"}},
		},
	}
}

// collectingRole has the rules of all ClusterRoles with the label. A controller of the API server's fills it in.
func collectingRole() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{
		TypeMeta: rbac("ClusterRole"), ObjectMeta: metav1.ObjectMeta{Name: roleName},
		AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{AggregateLabel: "true"}}}},
	}
}

// clusterRoleBinding binds the ClusterRole of its name.
func clusterRoleBinding(name string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta: rbac("ClusterRoleBinding"), ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects(),
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}
}

func subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: kubebindv1alpha2.ConsumerNamespace, Name: Name}}
}

// role is for the konnector's own namespace: credentials and the Lease.
func role() *rbacv1.Role {
	return &rbacv1.Role{
		TypeMeta: rbac("Role"), ObjectMeta: meta(Name),
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch", "update", "patch"}},
			{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "list", "watch", "create", "update", "patch"}},
		},
	}
}

func roleBinding() *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		TypeMeta: rbac("RoleBinding"), ObjectMeta: meta(Name), Subjects: subjects(),
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: Name},
	}
}

func budget() *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1.SchemeGroupVersion.String(), Kind: "PodDisruptionBudget"},
		ObjectMeta: meta(Name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels()},
		},
	}
}

func deployment(o Options) *appsv1.Deployment {
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment"}, ObjectMeta: meta(Name),
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](Replicas), Selector: &metav1.LabelSelector{MatchLabels: labels()},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels()},
				Spec: corev1.PodSpec{
					ServiceAccountName: Name, HostAliases: o.HostAliases, TerminationGracePeriodSeconds: ptr.To[int64](15),
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
						LabelSelector: &metav1.LabelSelector{MatchLabels: labels()},
					}},
					Containers: []corev1.Container{container(o)},
				},
			},
		},
	}
}

func container(o Options) corev1.Container {
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(port)}}}
	}
	// Before it is healthy, it installs the CRDs and waits for them.
	startup := probe("/healthz")
	startup.PeriodSeconds, startup.FailureThreshold = 2, 60
	return corev1.Container{
		Name: Name, Image: o.image(),
		Env: []corev1.EnvVar{{Name: "POD_NAMESPACE", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"},
		}}},
		Ports:        []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
		StartupProbe: startup, LivenessProbe: probe("/healthz"), ReadinessProbe: probe("/readyz"),
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
		}},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

// RoleFor is what a konnector may do for a binding: with the objects that it brings, and with those that the provider claims.
// RBAC knows nothing of the labels and references that a claim selects by: the konnector keeps to those. The role is called after the
// binding and its Secret: what another provider's manifest brings for a binding of the same name, which is not made, takes no right away.
func RoleFor(binding *kubebindv1alpha2.APIServiceBinding, request *kubebindv1alpha2.APIServiceExportRequestSpec) *rbacv1.ClusterRole {
	out := &rbacv1.ClusterRole{
		TypeMeta: rbac("ClusterRole"),
		ObjectMeta: metav1.ObjectMeta{
			Name: roleName + "-" + binding.Name + ":" + binding.Spec.KubeconfigSecretRef.Name, Labels: map[string]string{AggregateLabel: "true"},
		},
	}
	for _, r := range request.Resources {
		out.Rules = append(out.Rules, rbacv1.PolicyRule{
			APIGroups: []string{r.APIGroup()}, Resources: []string{r.Resource, r.Resource + "/status"},
			Verbs: []string{"get", "list", "watch", "update", "patch", "delete"},
		})
	}
	for _, claim := range request.PermissionClaims {
		out.Rules = append(out.Rules, rbacv1.PolicyRule{
			APIGroups: []string{claim.APIGroup()}, Resources: []string{claim.Resource},
			Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"},
		})
	}
	return out
}
