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
	"strings"
)

// auditEvent is what counts of a request in an audit log.
type auditEvent struct {
	Stage, Verb string
	ObjectRef   struct{ Resource, Subresource string }
	Annotations map[string]string
}

// method is the request's as the metrics of an API server call it.
func (e *auditEvent) method() string {
	switch e.Verb {
	case "create":
		return "POST"
	case "update":
		return "PUT"
	}
	return strings.ToUpper(e.Verb)
}

// countAudited counts the requests for one resource in the logical cluster of a side.
func countAudited(ctx context.Context, side *Side, resource string) (Requests, error) {
	cluster, err := side.cluster(ctx)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(side.auditLog)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	out := Requests{}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // what is not a whole line yet is later than the question
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		e := &auditEvent{}
		if err := json.Unmarshal(line, e); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		const clusterAnnotation = "kcp.io/cluster"
		if e.Annotations[clusterAnnotation] == cluster && e.ObjectRef.Resource == resource && e.Verb != "watch" && e.Stage == "ResponseComplete" {
			out[e.method()]++
		}
	}
}
