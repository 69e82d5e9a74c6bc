{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* One argument of a flag that takes several, each of which may have commas. */}}
{{- define "backend.each" -}}
{{- $flag := index . 0 -}}
{{- range index . 1 }}
- {{ printf "--%s=%s" $flag (ternary (printf "%q" .) . (contains "," .)) | quote }}
{{- else }}
- --{{ $flag }}=
{{- end }}
{{- end }}

{{/* Arguments of those flags of a list of flags and values that have a value. */}}
{{- define "backend.flags" -}}
{{- range . }}
{{- $value := index . 1 | toString }}
{{- if $value }}
- {{ printf "--%s=%s" (index . 0) $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "backend.args" -}}
{{- $b := .Values.backend -}}
{{- include "backend.flags" (list
  (list "provider" $b.provider)
  (list "kubeconfig" (ternary (printf "/etc/kube-bind/kubeconfig/%s" $b.kubeconfigSecretKey) "" (ne $b.kubeconfigSecretName "")))
  (list "context" $b.context)
  (list "external-address" $b.externalAddress)
  (list "external-server-name" $b.tlsExternalServerName)
  (list "external-ca-file" (ternary (printf "/etc/kube-bind/external-ca/%s" $b.externalCA.key) "" (ne $b.externalCA.configMapName "")))
  (list "pretty-name" $b.prettyName)
  (list "namespace-prefix" $b.namespacePrefix)
  (list "consumer-scope" $b.consumerScope)
  (list "isolation" $b.isolation)
  (list "consumer-token-lifetime" $b.consumerTokenLifetime)
  (list "static-consumer-tokens" $b.staticConsumerTokens)
  (list "consumer-timeout" $b.consumerTimeout)
  (list "remove-silent-consumers-after" $b.removeSilentConsumersAfter)
  (list "schema-source" $b.schemaSource)
  (list "schema-sync-interval" $b.schemaSyncInterval)
  (list "install-crds" $b.installCRDs)
  (list "leader-elect" $b.leaderElect)
  (list "lease-name" (default (include "backend.fullname" .) $b.leaseName))
  (list "lease-namespace" (include "backend.leaseNamespace" .))
  (list "health-address" (printf ":%v" $b.healthPort))
  (list "metrics-address" (ternary (printf ":%v" .Values.metrics.port) "0" .Values.metrics.enabled))
  (list "v" $b.loggingLevel)
  (list "logging-format" $b.loggingFormat)
  (list "otlp-endpoint" $b.otlpEndpoint)
  (list "frontend-disabled" (not (include "backend.door" .)))
) }}
{{- if eq $b.provider "kcp" }}
{{- include "backend.flags" (list
  (list "tenancy" $b.tenancy)
  (list "apiexport-endpoint-slice-name" $b.apiexportEndpointSliceName)
  (list "offer-apibindings" $b.offerAPIBindings)
  (list "share-workspaces" $b.shareWorkspaces)
) }}
{{- include "backend.each" (list "apibinding-ignore-prefixes" $b.apibindingIgnorePrefixes) }}
{{- end }}
{{- if include "backend.door" . }}
{{- include "backend.doorArgs" . }}
{{- end }}
{{- range $b.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- define "backend.doorArgs" -}}
{{- $b := .Values.backend -}}
{{- $o := $b.oidc -}}
{{- $local := regexMatch "^https?://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]+)?/" (include "backend.callback" .) -}}
{{- $insecure := and (eq (include "backend.door" .) "embedded") (or $o.embeddedInsecure (not $local)) -}}
{{- include "backend.flags" (list
  (list "listen-address" (ternary (printf "127.0.0.1:%s" (include "backend.port" .)) $b.listenAddress (eq (include "backend.loopback" .) "yes")))
  (list "tls-cert-file" (ternary "/etc/kube-bind/tls/tls.crt" "" $b.tls.enabled))
  (list "tls-key-file" (ternary "/etc/kube-bind/tls/tls.key" "" $b.tls.enabled))
  (list "oidc-type" (include "backend.door" .))
  (list "oidc-issuer-url" $o.issuerUrl)
  (list "oidc-callback-url" (include "backend.callback" .))
  (list "oidc-issuer-client-id" $o.clientId)
  (list "oidc-ca-file" (ternary (printf "/etc/kube-bind/oidc-ca/%s" $o.caConfigMapKey) "" (ne $o.caConfigMapName "")))
  (list "oidc-username-claim" $o.usernameClaim)
  (list "oidc-groups-claim" $o.groupsClaim)
  (list "oidc-embedded-insecure" (ternary "true" "" $insecure))
  (list "apply-binding" $b.applyBinding)
  (list "redis-addr" $b.sessionStorage.redisAddress)
  (list "redis-username" $b.sessionStorage.redisUsername)
  (list "redis-tls" (ternary "true" "" $b.sessionStorage.redisTLS))
  (list "token-expiry" $b.tokenExpiry)
  (list "session-key-rotation" $b.sessionKeyRotation)
) }}
- {{ printf "--oidc-username-prefix=%s" $o.usernamePrefix | quote }}
- {{ printf "--oidc-groups-prefix=%s" $o.groupsPrefix | quote }}
{{- include "backend.each" (list "oidc-scopes" $o.scopes) }}
{{- with $o.allowedUsers }}
{{- include "backend.each" (list "oidc-allowed-users" .) }}
{{- end }}
{{- with $o.allowedGroups }}
{{- include "backend.each" (list "oidc-allowed-groups" .) }}
{{- end }}
{{- end }}
