// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// testFormats prints the results of all commands that have any, in all formats, and compares them with files below testdata:
// go test ./cli -run TestOnACluster -args update writes those anew.
func testFormats(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	columns := filepath.Join(t.TempDir(), "columns")
	write(t, columns, "WHAT KIND\n.metadata.name .kind\n", 0o600)
	template := filepath.Join(t.TempDir(), "template")
	write(t, template, `{{range .items}}{{.metadata.name}}!{{end}}`+"\n", 0o600)
	path := filepath.Join(t.TempDir(), "path")
	write(t, path, `{range .items[*]}{.kind}{"\n"}{end}`, 0o600)
	lists := map[string]string{
		"default": "", "json": "json", "yaml": "yaml", "kyaml": "kyaml", "name": "name", "wide": "wide",
		"custom-columns": "custom-columns=NAME:.metadata.name,MISSING:.spec.nothing", "custom-columns-file": "custom-columns-file=" + columns,
		"go-template": "go-template={{range .items}}{{.kind}}/{{.metadata.name}}{{end}}", "go-template-file": "go-template-file=" + template,
		"jsonpath": "jsonpath={.items[*].metadata.name}", "jsonpath-as-json": "jsonpath-as-json={.items[*].kind}", "jsonpath-file": "jsonpath-file=" + path,
	}
	one := map[string]string{"default": "", "json": "json", "yaml": "yaml", "kyaml": "kyaml", "wide": "wide", "jsonpath": "jsonpath={.client.version}", "go-template": "go-template={{.server.version}}"}
	answer := filepath.Join(t.TempDir(), "answer.yaml")
	response, err := s.response("deployed", nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, answer, encode(t, response), 0o600)
	for _, tc := range []struct {
		name    string
		args    []string
		formats map[string]string
	}{
		{"bind", []string{"--template", "cowboys", "--yes"}, lists},
		{"apiservice", []string{"apiservice", "riders", "--template-name", "cowboys", "--yes"}, lists},
		{"deploy", []string{"deploy", "-f", answer, "--yes"}, lists},
		{"templates", []string{"templates"}, lists},
		{"collections", []string{"collections"}, lists},
		{"status", []string{"status", "cowboys"}, lists},
		{"version", []string{"version"}, one},
	} {
		for format, value := range tc.formats {
			t.Run(tc.name+"/"+format, func(t *testing.T) {
				args := slices.Clone(tc.args)
				if value != "" {
					args = append(args, "--output", value)
				}
				got := s.run(t.Context(), args...)
				got.wants(t, ExitOK)
				talks := slices.Contains([]string{"bind", "apiservice", "deploy"}, tc.name)
				if talks != (got.stderr != "") || talks && !strings.HasSuffix(got.stderr, "Resources bound successfully!\n") {
					t.Errorf("stderr is %q", got.stderr)
				}
				golden(t, tc.name+"."+format, s.steady(got.stdout))
			})
		}
	}
	testEmpty(t)
	wrong := newTerminal(t, s.door)
	for value, words := range map[string]string{
		"xml": "must be json", "custom-columns=": "is no column", "custom-columns-file=" + template: "must have a line of headers", "custom-columns-file=none": "no such file",
		"jsonpath={.a": "unclosed", "jsonpath": "no template given", "go-template={{": "unclosed", "go-template-file=none": "no such file",
	} {
		for _, command := range []string{"--template x --yes", "apiservice --template-name x", "deploy -f " + answer, "templates", "collections", "status", "version"} {
			wrong.run(t.Context(), append(strings.Fields(command), "-o", value)...).wants(t, ExitUsage, words, "--help")
		}
	}
}

// testEmpty: where there is nothing, people are told, and programs get an empty list.
func testEmpty(t *testing.T) {
	server := door(t, map[string]any{"GET /api/templates": map[string]any{}, "GET /api/collections": map[string]any{}})
	w := newTerminal(t, server.URL)
	for command, words := range map[string]string{"templates": "You may bind nothing here.", "collections": "There are no collections."} {
		got := w.run(t.Context(), command)
		got.wants(t, ExitOK, words)
		if got.stdout != "" {
			t.Errorf("%s: stdout is %q", command, got.stdout)
		}
		if got := w.run(t.Context(), command, "-o", "jsonpath={.items}"); got.code != ExitOK || got.stdout != "[]" || got.stderr != "" {
			t.Errorf("%s -o jsonpath: got %+v", command, got)
		}
		if got := w.run(t.Context(), command, "-o", "name"); got.code != ExitOK || got.stdout != "" || got.stderr != "" {
			t.Errorf("%s -o name: got %+v", command, got)
		}
	}
}

// steady replaces what is another with each run.
func (s *stage) steady(text string) string {
	text = strings.ReplaceAll(text, s.door, "https://bind.example.com")
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "2026-11-28T10:00:00Z"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "00000000-0000-0000-0000-000000000000"},
		{`kubeconfig-[0-9a-f]{10}`, "kubeconfig-0123456789"},
		{`(?i)("?resourceVersion"?: "?)\d+`, "${1}1"}, {`("?generation"?: )\d+`, "${1}1"},
		{`("?latencyMilliseconds"?: )\d+`, "${1}1"},
		{`\b\d+ms\b *`, "1ms "}, {`\b(\d+[hm])?\d+[smh] ago\b *`, "1s ago      "}, {`\b(\d+[hm])?\d+[smh]\b *`, "1s "}, {` +\n`, "\n"}, {`<invalid> *`, "1s "},
		{`go1\.[0-9.]+`, "go1.x"}, {`(linux|darwin)/[a-z0-9]+`, "linux/amd64"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// golden compares with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if slices.Contains(flag.Args(), "update") {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, file, got, 0o644)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s\nIf that is right: go test ./cli -args update", file, got, want)
	}
}

// encode is a value as YAML.
func encode(t *testing.T, value any) string {
	t.Helper()
	raw, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// sortedLines are the lines of a text.
func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines
}
