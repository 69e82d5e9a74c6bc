// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	charts     = root + "/deploy/charts"
	valuesPage = "helm-values.md"
	rbacPage   = "backend-rbac.md"
)

const valuesHead = `# Values of the Helm charts

<!-- This page is written by ` + "`go test ./docs/reference -args update`" + ` from the charts' values.yaml. -->

How to install is told [elsewhere](../install/helm.md). Values that are not here are refused, and so are those that cannot be.
`

// isCurrent compares a page with what it should be, or writes it anew.
func isCurrent(t *testing.T, page, want string) {
	t.Helper()
	if slices.Contains(flag.Args(), "update") {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not current; run: go test ./docs/reference -args update", page)
	}
}

func readFile(t *testing.T, elem ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The reference of the values is what the charts say, and each value has a meaning.
func TestHelmValues(t *testing.T) {
	var out strings.Builder
	out.WriteString(valuesHead)
	for _, chart := range []string{"backend", "konnector"} {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(readFile(t, charts, chart, "values.yaml")), &document); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n## %s\n\n| value | default | meaning |\n|---|---|---|\n", chart)
		describeValues(t, &out, "", document.Content[0])
	}
	isCurrent(t, valuesPage, out.String())
}

// describeValues writes the rows of a mapping. One without a comment is described by what is in it.
func describeValues(t *testing.T, out *strings.Builder, path string, mapping *yaml.Node) {
	t.Helper()
	for i := 0; i < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		name := path + key.Value
		meaning := oneLine(strings.ReplaceAll("\n"+key.HeadComment, "\n#", " "))
		if meaning == "SPDX-License-Identifier: Apache-2.0" {
			meaning = ""
		}
		if _, text, found := strings.Cut(meaning, "SPDX-License-Identifier: Apache-2.0 "); found {
			meaning = text
		}
		if meaning == "" {
			if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
				t.Errorf("%s has no comment", name)
				continue
			}
			describeValues(t, out, name+".", value)
			continue
		}
		var content any
		if err := value.Decode(&content); err != nil {
			t.Fatal(err)
		}
		standard, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", name, standard, strings.ReplaceAll(meaning, "|", `\|`))
	}
}

// The page about the backend's rights shows those that the chart gives, which is where they are written.
func TestBackendRBACIsTheCharts(t *testing.T) {
	const begin, end = "  name: kube-bind-backend\nrules:\n", "```\n"
	page := readFile(t, rbacPage)
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no ClusterRole kube-bind-backend", rbacPage)
	}
	rules := ""
	for _, file := range []string{"manager.yaml", "front-door.yaml", "lease.yaml"} {
		rules += readFile(t, charts, "backend", "files", file)
	}
	isCurrent(t, rbacPage, before+begin+rules+end+after)
}
