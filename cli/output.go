// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/util/jsonpath"

	"kube-bind.io/kube-bind/printable"
)

// What starts the values of --output that name columns.
const (
	customColumns     = "custom-columns="
	customColumnsFile = "custom-columns-file="
)

// formats is what --output can be.
const formats = "json, yaml, kyaml, name, wide, custom-columns=, custom-columns-file=, jsonpath=, jsonpath-as-json=, jsonpath-file=, go-template= or go-template-file="

// output is how results are printed.
type output struct{ format string }

func (o *output) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "How to print the result: "+formats+".")
	fixed(cmd, "output", "json", "yaml", "kyaml", "name", "wide", customColumns, customColumnsFile, "jsonpath=", "jsonpath-as-json=", "jsonpath-file=", "go-template=", "go-template-file=")
}

// validate refuses formats that do not exist, before anything is done.
func (o *output) validate() error {
	if o.people() || o.format == "name" {
		return nil
	}
	if _, ok, err := o.columns(); ok || err != nil {
		return err
	}
	_, err := o.printer()
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		return usage("--output=%q: must be %s", o.format, formats)
	}
	if err != nil {
		return usage("--output=%q: %w", o.format, err)
	}
	return nil
}

// people tells whether the result is meant to be read by people.
func (o *output) people() bool { return o.format == "" || o.format == "wide" }

// printer is kubectl's, for formats that it knows.
func (o *output) printer() (printers.ResourcePrinter, error) {
	flags := genericclioptions.NewPrintFlags("")
	flags.OutputFormat = &o.format
	return flags.ToPrinter()
}

// columns are those that the format names, if it does.
func (o *output) columns() (t table, ok bool, err error) {
	if spec, ok := strings.CutPrefix(o.format, customColumns); ok {
		t, err := parseColumns(spec)
		return t, true, err
	}
	name, ok := strings.CutPrefix(o.format, customColumnsFile)
	if !ok {
		return table{}, false, nil
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return table{}, true, usage("--output: %w", err)
	}
	// Headers are in its first line, paths in its second.
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 2 || len(strings.Fields(lines[0])) != len(strings.Fields(lines[1])) {
		return table{}, true, usage("--output: %s must have a line of headers, and one with a path for each", name)
	}
	var spec []string
	paths := strings.Fields(lines[1])
	for i, header := range strings.Fields(lines[0]) {
		spec = append(spec, header+":"+paths[i])
	}
	t, err = parseColumns(strings.Join(spec, ","))
	return t, true, err
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
	if o.format == "name" {
		return names(streams, items)
	}
	chosen, ok, err := o.columns()
	switch {
	case err != nil:
		return err
	case ok:
		return o.write(streams, items, chosen)
	case !o.people():
		printer, err := o.printer()
		if err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		return printer.PrintObj(u, streams)
	case len(items) == 0:
		_, err := fmt.Fprintln(talk, t.none)
		return err
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
		kind := strings.TrimSuffix(strings.ToLower(item.GetKind())+"."+item.GroupVersionKind().Group, ".")
		if _, err := fmt.Fprintf(w, "%s/%s\n", printable.Line(kind), printable.Line(item.GetName())); err != nil {
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
		cells := t.row(item)[:shown]
		for i := range cells {
			cells[i] = printable.Line(cells[i])
		}
		fmt.Fprintln(tabs, strings.Join(cells, "\t"))
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
