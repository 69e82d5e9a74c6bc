{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Secrets are in the environment: arguments are seen by everybody who sees Pods. */}}
{{- define "backend.env" -}}
{{- $s := .Values.backend.sessionStorage -}}
{{- $client := and (include "backend.door" .) (include "backend.clientSecretName" .) -}}
{{- $redis := and (include "backend.door" .) $s.redisPasswordSecretName -}}
{{- if or $client $redis .Values.backend.extraEnv -}}
env:
  {{- if $client }}
  - name: OIDC_CLIENT_SECRET
    valueFrom:
      secretKeyRef:
        name: {{ $client }}
        key: {{ .Values.backend.oidc.clientSecretKey }}
  {{- end }}
  {{- if $redis }}
  - name: REDIS_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ $redis }}
        key: {{ $s.redisPasswordSecretKey }}
  {{- end }}
  {{- with .Values.backend.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
{{- end }}

{{/* The files of a backend: name of the volume and folder, kind, and name of the object. */}}
{{- define "backend.files" -}}
{{- $b := .Values.backend -}}
{{- $door := include "backend.door" . -}}
{{- $files := list -}}
{{- if $b.kubeconfigSecretName -}}
{{- $files = append $files (dict "name" "kubeconfig" "secret" $b.kubeconfigSecretName) -}}
{{- end -}}
{{- if $b.externalCA.configMapName -}}
{{- $files = append $files (dict "name" "external-ca" "configMap" $b.externalCA.configMapName) -}}
{{- end -}}
{{- if and $door $b.tls.enabled -}}
{{- $files = append $files (dict "name" "tls" "secret" (include "backend.certSecretName" .)) -}}
{{- end -}}
{{- if and $door $b.oidc.caConfigMapName -}}
{{- $files = append $files (dict "name" "oidc-ca" "configMap" $b.oidc.caConfigMapName) -}}
{{- end -}}
{{ $files | toJson }}
{{- end }}

{{- define "backend.mounts" -}}
{{- $files := include "backend.files" . | fromJsonArray -}}
{{- if or $files .Values.extraVolumeMounts -}}
volumeMounts:
  {{- range $files }}
  - name: {{ .name }}
    mountPath: /etc/kube-bind/{{ .name }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
{{- end }}

{{- define "backend.volumes" -}}
{{- $files := include "backend.files" . | fromJsonArray -}}
{{- if or $files .Values.extraVolumes -}}
volumes:
  {{- range $files }}
  - name: {{ .name }}
    {{- if .secret }}
    secret:
      secretName: {{ .secret }}
    {{- else }}
    configMap:
      name: {{ .configMap }}
    {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
{{- end }}
