// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"
)

// customColumns starts the value of --output that names columns.
const customColumns = "custom-columns="

// output is how results are printed.
type output struct{ format string }

func (o *output) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "How to print the result: json, yaml, name, wide, or custom-columns=<HEADER:.json.path,...>.")
}

// validate refuses formats that do not exist, before anything is done.
func (o *output) validate() error {
	switch o.format {
	case "", "json", "yaml", "name", "wide":
		return nil
	}
	if spec, ok := strings.CutPrefix(o.format, customColumns); ok {
		_, err := parseColumns(spec)
		return err
	}
	return usage("--output=%q: must be json, yaml, name, wide, or custom-columns=<HEADER:.json.path,...>", o.format)
}

// table says how people see objects.
type table struct {
	columns []string
	// wide is how many of the columns, from the right, are only for -o wide.
	wide int
	row  func(item *unstructured.Unstructured) []string
	// none is said if there is nothing.
	none string
}

// print writes a list, or a single object.
func (o *output) print(streams io.Writer, talk io.Writer, object runtime.Object, t table) error {
	u, err := toUnstructured(object)
	if err != nil {
		return err
	}
	items := []*unstructured.Unstructured{u}
	if u.IsList() {
		items = nil
		if err := u.EachListItem(func(item runtime.Object) error {
			items = append(items, item.(*unstructured.Unstructured))
			return nil
		}); err != nil {
			return fmt.Errorf("reading the result: %w", err)
		}
	}
	switch o.format {
	case "json":
		return (&printers.JSONPrinter{}).PrintObj(u, streams)
	case "yaml":
		return (&printers.YAMLPrinter{}).PrintObj(u, streams)
	case "name":
		return names(streams, items)
	}
	if len(items) == 0 {
		fmt.Fprintln(talk, t.none)
		return nil
	}
	if spec, ok := strings.CutPrefix(o.format, customColumns); ok {
		if t, err = parseColumns(spec); err != nil {
			return err
		}
	}
	return o.write(streams, items, t)
}

// toUnstructured is what -o json prints of a value.
func toUnstructured(value any) (*unstructured.Unstructured, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &out.Object); err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	return out, nil
}

func names(w io.Writer, items []*unstructured.Unstructured) error {
	for _, item := range items {
		gvk := item.GroupVersionKind()
		if _, err := fmt.Fprintf(w, "%s.%s/%s\n", strings.ToLower(gvk.Kind), gvk.Group, item.GetName()); err != nil {
			return err
		}
	}
	return nil
}

func (o *output) write(w io.Writer, items []*unstructured.Unstructured, t table) error {
	shown := len(t.columns)
	if o.format != "wide" {
		shown -= t.wide
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(tabs, strings.Join(t.columns[:shown], "\t"))
	for _, item := range items {
		fmt.Fprintln(tabs, strings.Join(t.row(item)[:shown], "\t"))
	}
	return tabs.Flush()
}

// parseColumns reads NAME:.metadata.name,OTHER:.spec.other.
func parseColumns(spec string) (table, error) {
	out := table{}
	var paths []*jsonpath.JSONPath
	for _, column := range strings.Split(spec, ",") {
		header, path, ok := strings.Cut(column, ":")
		if !ok || header == "" || path == "" {
			return table{}, usage("--output: %q is no column; one looks like NAME:.metadata.name", column)
		}
		if !strings.HasPrefix(path, ".") {
			path = "." + path
		}
		parsed := jsonpath.New(header).AllowMissingKeys(true)
		if err := parsed.Parse("{" + path + "}"); err != nil {
			return table{}, usage("--output: column %s: %w", header, err)
		}
		out.columns, paths = append(out.columns, header), append(paths, parsed)
	}
	out.row = func(item *unstructured.Unstructured) []string {
		var cells []string
		for _, path := range paths {
			var cell strings.Builder
			if err := path.Execute(&cell, item.Object); err != nil || cell.Len() == 0 {
				cell.Reset()
				cell.WriteString("<none>")
			}
			cells = append(cells, cell.String())
		}
		return cells
	}
	return out, nil
}

// age is how long ago an object was made.
func age(item *unstructured.Unstructured, now time.Time) string {
	created := item.GetCreationTimestamp()
	if created.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(created.Time))
}

// orNone joins values for a cell.
func orNone(values []string) string {
	if len(values) == 0 {
		return "<none>"
	}
	return strings.Join(values, ",")
}
