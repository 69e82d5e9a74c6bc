// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// auditPolicy has the requests that tests ask about.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources:
  - {group: "", resources: [secrets, configmaps, serviceaccounts]}
  - {group: kube-bind.io, resources: [apiserviceexports]}
  - {group: wildwest.dev}
- level: None
`

// AuditEvent is a request that an API server has answered, or, of a watch, begun to.
type AuditEvent struct {
	// Stage is ResponseStarted or ResponseComplete.
	Stage, Verb, UserAgent, RequestURI string
	ObjectRef                          struct{ APIGroup, Resource, Subresource, Name string }
	ResponseStatus                     struct{ Code int }
	Annotations                        map[string]string
}

// method is the request's as the metrics of an API server call it.
func (e *AuditEvent) method() string {
	switch e.Verb {
	case "create":
		return "POST"
	case "update":
		return "PUT"
	}
	return strings.ToUpper(e.Verb)
}

// auditArgs are what an API server needs to write down what it is asked, to the log in a folder.
func auditArgs(dir string) (log string, args []string, err error) {
	log = filepath.Join(dir, "audit.log")
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the folder of an audit log: %w", err)
	}
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return "", nil, fmt.Errorf("writing an audit policy: %w", err)
	}
	return log, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + log}, nil
}

// Audited reads what a side was asked for Secrets, ConfigMaps, ServiceAccounts, exports and objects of the example APIs. That of
// a plain control plane needs Options.Audit.
func (s *Side) Audited(ctx context.Context) ([]AuditEvent, error) {
	// A kcp says which logical cluster a request was for.
	const clusterAnnotation = "kcp.io/cluster"
	var cluster string
	if s.cluster != nil {
		var err error
		if cluster, err = s.cluster(ctx); err != nil {
			return nil, err
		}
	}
	file, err := os.Open(s.auditLog)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	var out []AuditEvent
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // what is not a whole line yet is later than the question
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		e := AuditEvent{}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		if e.Annotations[clusterAnnotation] == cluster {
			out = append(out, e)
		}
	}
}

// countAudited counts the requests for one resource.
func countAudited(ctx context.Context, side *Side, resource string) (Requests, error) {
	events, err := side.Audited(ctx)
	if err != nil {
		return nil, err
	}
	out := Requests{}
	for i := range events {
		if e := &events[i]; e.ObjectRef.Resource == resource && e.Verb != "watch" && e.Stage == "ResponseComplete" {
			out[e.method()]++
		}
	}
	return out, nil
}
