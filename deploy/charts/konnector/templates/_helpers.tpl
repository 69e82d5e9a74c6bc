{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/*
Names are those of deploy/konnector, whatever the release is called: a cluster has one konnector, and kubectl bind and the backend look
for it by these names. A second release is refused.
*/}}
{{- define "konnector.validate" -}}
{{- if ne .Release.Namespace "kube-bind" -}}
{{- fail "the konnector must be in the namespace kube-bind, where the credentials of bindings are: helm install --namespace kube-bind" -}}
{{- end -}}
{{- end }}

{{- define "konnector.selectorLabels" -}}
app.kubernetes.io/name: konnector
app.kubernetes.io/part-of: kube-bind
{{- end }}

{{- define "konnector.releaseLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "konnector.labels" -}}
{{ include "konnector.selectorLabels" . }}
{{ include "konnector.releaseLabels" . }}
{{- end }}

{{- define "konnector.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end }}

{{- define "konnector.args" -}}
{{- $args := list -}}
{{- with .Values.konnector -}}
{{- if not .installCRDs -}}{{- $args = append $args "--install-crds=false" -}}{{- end -}}
{{- if .clusterIdentityNamespace -}}{{- $args = append $args (printf "--cluster-identity-namespace=%s" .clusterIdentityNamespace) -}}{{- end -}}
{{- if .workers -}}{{- $args = append $args (printf "--workers=%v" .workers) -}}{{- end -}}
{{- if not (kindIs "invalid" .loggingLevel) -}}{{- $args = append $args (printf "--v=%v" .loggingLevel) -}}{{- end -}}
{{ concat $args .extraArgs | toJson }}
{{- end -}}
{{- end }}
