{{- define "podinfo.selector" -}}
app.kubernetes.io/name: podinfo
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "podinfo.labels" -}}
{{ include "podinfo.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "podinfo.resources" -}}
{{- $sizes := dict
  "small" (dict "cpu" "50m" "memory" "32Mi" "limit" "64Mi")
  "medium" (dict "cpu" "200m" "memory" "64Mi" "limit" "128Mi")
  "large" (dict "cpu" "500m" "memory" "128Mi" "limit" "256Mi") -}}
{{- $size := get $sizes .Values.size | required (printf "size must be small, medium or large, not %s" .Values.size) -}}
requests:
  cpu: {{ $size.cpu }}
  memory: {{ $size.memory }}
limits:
  cpu: "1"
  memory: {{ $size.limit }}
{{- end }}

{{- /* The Application that is the cache, which Catalyst names here; empty when there is none. */}}
{{- define "podinfo.cache" -}}
{{- if .Values.cache }}{{ with (((.Values.catalyst).dependencies).cache).application }}{{ . }}{{ end }}{{ end }}
{{- end }}
