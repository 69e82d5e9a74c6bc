// SPDX-License-Identifier: Apache-2.0

package main

// kcpProviderSteps are providerSteps where the provider is a workspace of a kcp.
func kcpProviderSteps() []step {
	return []step{
		{
			say: "The provider is a workspace of kcp, root:provider-1. It has bound kube-bind's APIExport, and so takes part.",
			command: `kubectl --kubeconfig=$PROVIDER get apibindings
kubectl --kubeconfig=$PROVIDER api-resources --api-group=kube-bind.io -o name`,
			show: "apiserviceexporttemplates.kube-bind.io",
		},
		{
			say: "It offers an API: an APIExport of its own, whose APIResourceSchema has the label kube-bind.io/exported, and a template.",
			command: `kubectl --kubeconfig=$PROVIDER apply -f deploy/examples/kcp/cowboys.yaml -f deploy/examples/template-cowboys.yaml
kubectl --kubeconfig=$PROVIDER wait apiserviceexporttemplate/cowboys --for=condition=Ready --timeout=60s`,
			show: "condition met",
		},
	}
}

// kcpConsumerSteps are consumerSteps for one of a server's many workspaces.
func kcpConsumerSteps() []step {
	return []step{
		{
			say: "Somebody at the consumer signs in, in this provider's workspace: the server serves many. The demo's browser fills in the form.",
			command: `CLUSTER=$(kubectl --kubeconfig=$PROVIDER get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')
kubectl bind login $SERVER --cluster $CLUSTER`,
			show: "Successfully authenticated",
		},
		{
			say:     "What is there?",
			command: `kubectl bind templates -o wide`,
			show:    "cowboys.wildwest.dev",
		},
		{
			say:     "Bind it. The consumer is a plain cluster, with the same konnector as ever: nothing in it knows of kcp.",
			command: `kubectl bind --kubeconfig=$CONSUMER --template cowboys --yes --skip-konnector`,
			show:    "Resources bound successfully!",
		},
		{
			say: "The consumer has got a workspace of its own below the provider's, which has bound the provider's APIExport.",
			command: `kubectl --kubeconfig=$PROVIDER get workspaces
kubectl --kubeconfig=$PROVIDER --server=$(kubectl --kubeconfig=$PROVIDER get workspaces -o jsonpath='{.items[0].spec.URL}') get apibindings`,
			show: "cowboys",
		},
		{
			say:     "How is it?",
			command: `kubectl bind status --kubeconfig=$CONSUMER --exit-code`,
			show:    "BigCorp.com",
		},
	}
}

// kcpObjectSteps are the life of an object, seen through the APIExport by the provider's service.
func kcpObjectSteps() []step {
	plain := objectSteps()
	create, seen, removed := plain[0], plain[3], plain[4]
	return []step{
		create,
		{
			say: "The provider's service sees it through the virtual workspace of its APIExport, with those of all other consumers. Its name and namespace are the consumer's.",
			command: `VIEW=$(kubectl --kubeconfig=$PROVIDER get apiexportendpointslice cowboys -o jsonpath='{.status.endpoints[0].url}')
until kubectl --kubeconfig=$PROVIDER --server="$VIEW/clusters/*" get cowboys --all-namespaces -o name | grep -q billy; do sleep 0.2; done
kubectl --kubeconfig=$PROVIDER --server="$VIEW/clusters/*" get cowboys --all-namespaces -o custom-columns=CONSUMER:.metadata.annotations.kcp\\.io/cluster,NAMESPACE:.metadata.namespace,NAME:.metadata.name,INTENT:.spec.intent`,
			show: "Ride the range and protect the cattle",
		},
		{
			say: "It says what came of it, in that consumer's workspace.",
			command: `VIEW=$(kubectl --kubeconfig=$PROVIDER get apiexportendpointslice cowboys -o jsonpath='{.status.endpoints[0].url}')
PLACE=$(kubectl --kubeconfig=$PROVIDER get workspaces -o jsonpath='{.items[0].spec.cluster}')
kubectl --kubeconfig=$PROVIDER --server="$VIEW/clusters/$PLACE" patch cowboy billy-the-kid --subresource=status --type=merge -p '{"status":{"result":"The cattle are safe"}}'`,
			show: "patched",
		},
		seen,
		removed,
		{
			say: "It is gone on both sides.",
			command: `kubectl --kubeconfig=$CONSUMER get cowboys --all-namespaces
kubectl --kubeconfig=$PROVIDER --server="$(kubectl --kubeconfig=$PROVIDER get apiexportendpointslice cowboys -o jsonpath='{.status.endpoints[0].url}')/clusters/*" get cowboys --all-namespaces`,
			show: "No resources found\nNo resources found",
		},
	}
}
