{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "backend.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What everything in the release's namespace is called. */}}
{{- define "backend.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "backend.name" .) .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "backend.name" .) | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What is not in a namespace has the release's in its name: releases of one name in two namespaces are two. */}}
{{- define "backend.clusterName" -}}
{{ .Release.Namespace }}:{{ include "backend.fullname" . }}
{{- end }}

{{/* The same, for what has no colon in its name. A namespace has no dot in its name. */}}
{{- define "backend.policyName" -}}
{{ include "backend.fullname" . }}.{{ .Release.Namespace }}
{{- end }}

{{- define "backend.selectorLabels" -}}
app.kubernetes.io/name: {{ include "backend.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "backend.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "backend.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kube-bind
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "backend.serviceAccountName" -}}
{{ default (ternary (include "backend.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "backend.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end }}

{{/* Which OpenID provider people sign in with: external, embedded, or empty if nobody signs in. */}}
{{- define "backend.door" -}}
{{- with .Values.backend -}}
{{- if .frontendDisabled -}}
{{- else if .oidc.type -}}
{{ .oidc.type }}
{{- else if not .oidc.issuerUrl -}}
{{- else if eq .oidc.issuerUrl (printf "%s/oidc" (trimSuffix "/api/callback" .oidc.callbackUrl)) -}}
embedded
{{- else -}}
external
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where the embedded OpenID provider has the front door: nobody gets there but by kubectl port-forward. */}}
{{- define "backend.loopback" -}}
{{- if and (eq (include "backend.door" .) "embedded") (not .Values.backend.oidc.embeddedInsecure) }}yes{{ end -}}
{{- end }}

{{- define "backend.port" -}}
{{ .Values.backend.listenAddress | splitList ":" | last }}
{{- end }}

{{- define "backend.scheme" -}}
{{ ternary "https" "http" .Values.backend.tls.enabled }}
{{- end }}

{{- define "backend.callback" -}}
{{- $local := printf "%s://localhost:%s/api/callback" (include "backend.scheme" .) (include "backend.port" .) -}}
{{ default (ternary $local "" (eq (include "backend.door" .) "embedded")) .Values.backend.oidc.callbackUrl }}
{{- end }}

{{- define "backend.leaseNamespace" -}}
{{ default (ternary "kube-bind" .Release.Namespace (eq .Values.backend.provider "kcp")) .Values.backend.leaseNamespace }}
{{- end }}

{{/* The Secret with the secret of the OpenID client. */}}
{{- define "backend.clientSecretName" -}}
{{- with .Values.backend.oidc -}}
{{- if .clientSecretName }}{{ .clientSecretName }}{{ else if .clientSecret }}{{ include "backend.fullname" $ }}-oidc{{ end -}}
{{- end -}}
{{- end }}

{{/* The Secret that cert-manager writes its certificate to: the one that is named where it is used. Empty without cert-manager. */}}
{{- define "backend.managedSecretName" -}}
{{- if .Values.certManager.enabled -}}
{{- $own := ternary .Values.backend.tls.certSecretName "" .Values.backend.tls.enabled -}}
{{- $ingress := ternary .Values.ingress.tlsSecretName "" .Values.ingress.enabled -}}
{{ coalesce $own $ingress (printf "%s-tls" (include "backend.fullname" .)) }}
{{- end -}}
{{- end }}

{{/* The Secret with the backend's own certificate. */}}
{{- define "backend.certSecretName" -}}
{{ default (include "backend.managedSecretName" .) .Values.backend.tls.certSecretName }}
{{- end }}

{{/* The Secret with the certificate of the Ingress. */}}
{{- define "backend.ingressSecretName" -}}
{{ default (include "backend.managedSecretName" .) .Values.ingress.tlsSecretName }}
{{- end }}

{{/* The names in the certificate that cert-manager makes. */}}
{{- define "backend.dnsNames" -}}
{{- $names := concat .Values.certManager.dnsNames .Values.ingress.hosts .Values.gatewayApi.route.hostnames -}}
{{- if .Values.backend.tls.enabled -}}
{{- $service := printf "%s.%s.svc" (include "backend.fullname" .) .Release.Namespace -}}
{{- $names = append $names $service -}}
{{- end -}}
{{ $names | uniq | toJson }}
{{- end }}

{{/* Whether the control plane is this cluster. */}}
{{- define "backend.inCluster" -}}
{{- if not .Values.backend.kubeconfigSecretName }}yes{{ end -}}
{{- end }}

{{/* Whether replicas share the workspaces of a kcp. */}}
{{- define "backend.shared" -}}
{{- if and (eq .Values.backend.provider "kcp") .Values.backend.shareWorkspaces }}yes{{ end -}}
{{- end }}

{{/* Whether there may be more than one replica. */}}
{{- define "backend.several" -}}
{{- if or (gt (int .Values.replicaCount) 1) .Values.autoscaling.enabled }}yes{{ end -}}
{{- end }}

{{/* A duration in seconds, which a template has no other way to tell. */}}
{{- define "backend.seconds" -}}
{{ mustToDate "2006-01-02 MST" "1970-01-01 UTC" | mustDateModify . | unixEpoch }}
{{- end }}

{{/* What the backend would refuse: name of a duration, its least and its greatest value. */}}
{{- define "backend.validateDurations" -}}
{{- $b := .Values.backend -}}
{{- range list
  (list "consumerTokenLifetime" "10m" "8760h")
  (list "schemaSyncInterval" "10s" "")
  (list "tokenExpiry" "1m" "720h")
  (list "sessionKeyRotation" "10m" "")
-}}
{{- $name := index . 0 -}}
{{- $least := index . 1 -}}
{{- $most := index . 2 -}}
{{- $value := get $b $name -}}
{{- $seconds := include "backend.seconds" $value | int64 -}}
{{- if lt $seconds (include "backend.seconds" $least | int64) -}}
{{- fail (printf "backend.%s is %s: it must be at least %s" $name $value $least) -}}
{{- end -}}
{{- if $most -}}
{{- if gt $seconds (include "backend.seconds" $most | int64) -}}
{{- fail (printf "backend.%s is %s: it must be at most %s" $name $value $most) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $silence := include "backend.seconds" $b.removeSilentConsumersAfter | int64 -}}
{{- $timeout := include "backend.seconds" $b.consumerTimeout | int64 -}}
{{- if and (ne $silence 0) (lt $silence (max 3600 $timeout)) -}}
{{- fail (printf "backend.removeSilentConsumersAfter is %s: it must be 0s, or at least 1h and backend.consumerTimeout" $b.removeSilentConsumersAfter) -}}
{{- end -}}
{{- end }}

{{/* What values cannot be together. */}}
{{- define "backend.validate" -}}
{{- $b := .Values.backend -}}
{{- $door := include "backend.door" . -}}
{{- if and (eq $b.provider "kcp") (not $b.kubeconfigSecretName) -}}
{{- fail "backend.provider is kcp: backend.kubeconfigSecretName must name the Secret with the kubeconfig of kcp" -}}
{{- end -}}
{{- if and $b.shareWorkspaces (ne $b.provider "kcp") -}}
{{- fail "backend.shareWorkspaces: backend.provider must be kcp" -}}
{{- end -}}
{{- if and (not $b.leaderElect) (not (include "backend.shared" .)) (include "backend.several" .) -}}
{{- fail "backend.leaderElect is off: replicaCount must be 1, and autoscaling off" -}}
{{- end -}}
{{- if and (eq $door "external") (not (and $b.oidc.issuerUrl $b.oidc.callbackUrl $b.oidc.clientId)) -}}
{{- fail "the OpenID provider is an external one: backend.oidc.issuerUrl, callbackUrl and clientId must be set" -}}
{{- end -}}
{{- if and (eq $door "embedded") (or $b.oidc.clientId (include "backend.clientSecretName" .)) -}}
{{- fail "the embedded OpenID provider makes its own client: backend.oidc.clientId, clientSecret and clientSecretName must be empty" -}}
{{- end -}}
{{- if and (eq $door "embedded") $b.oidc.embeddedInsecure (include "backend.several" .) -}}
{{- fail "the embedded OpenID provider knows only who signed in at the same replica: with backend.oidc.embeddedInsecure set replicaCount to 1, and autoscaling.enabled to false" -}}
{{- end -}}
{{- if and (or .Values.ingress.enabled .Values.gatewayApi.enabled) (or (not $door) (include "backend.loopback" .)) -}}
{{- fail "Ingress and Gateway need somebody to sign in with: set backend.oidc, not to the embedded OpenID provider" -}}
{{- end -}}
{{- if and $b.tls.enabled (not (include "backend.certSecretName" .)) -}}
{{- fail "backend.tls is enabled: backend.tls.certSecretName or certManager.enabled must be set" -}}
{{- end -}}
{{- if and $door $b.tls.enabled (hasPrefix "http://" $b.oidc.callbackUrl) -}}
{{- fail "backend.tls is enabled: backend.oidc.callbackUrl must begin with https://" -}}
{{- end -}}
{{- with $b.sessionStorage -}}
{{- if and (not .redisAddress) (or .redisTLS .redisUsername .redisPasswordSecretName) -}}
{{- fail "backend.sessionStorage: without redisAddress, redisTLS, redisUsername and redisPasswordSecretName must be empty" -}}
{{- end -}}
{{- end -}}
{{- include "backend.validateDurations" . -}}
{{- $ports := list (toString $b.healthPort) -}}
{{- if .Values.metrics.enabled -}}
{{- $ports = append $ports (toString .Values.metrics.port) -}}
{{- end -}}
{{- if $door -}}
{{- $ports = append $ports (include "backend.port" .) -}}
{{- end -}}
{{- if ne (len $ports) (len (uniq $ports)) -}}
{{- fail (printf "backend.listenAddress, backend.healthPort and metrics.port must be of different ports, and not %s" (join ", " $ports)) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling is enabled: autoscaling.maxReplicas must be at least minReplicas" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress is enabled: ingress.hosts must have a host name" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "serviceMonitor is enabled: metrics.enabled must be true" -}}
{{- end -}}
{{- if .Values.certManager.enabled -}}
{{- if not .Values.certManager.clusterIssuer -}}
{{- fail "certManager is enabled: certManager.clusterIssuer must be set" -}}
{{- end -}}
{{- if and $b.tls.enabled .Values.ingress.enabled (ne (include "backend.certSecretName" .) (include "backend.ingressSecretName" .)) -}}
{{- fail "certManager makes one certificate: backend.tls.certSecretName and ingress.tlsSecretName must be the same, or one of them empty" -}}
{{- end -}}
{{- if not (include "backend.dnsNames" . | fromJsonArray) -}}
{{- fail "certManager is enabled: there are no host names for a certificate" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.gatewayApi.enabled (not .Values.gatewayApi.parentRefs) (not .Values.gatewayApi.gateway.className) -}}
{{- fail "gatewayApi is enabled: gatewayApi.gateway.className or gatewayApi.parentRefs must be set" -}}
{{- end -}}
{{- end }}

{{- define "backend.servicePort" -}}
{{ default (include "backend.port" .) .Values.service.port }}
{{- end }}

{{- define "backend.metricsName" -}}
{{ include "backend.fullname" . | trunc 55 | trimSuffix "-" }}-metrics
{{- end }}
