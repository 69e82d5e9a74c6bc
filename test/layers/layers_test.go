// SPDX-License-Identifier: Apache-2.0

package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// graph is what each package imports, tests left out.
type graph map[string][]string

// load asks the go command for all packages of the module and what they stand on.
func load(t *testing.T) graph {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports", module+"/...")
	var stderr strings.Builder
	list.Stderr = &stderr
	stdout, err := list.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Start(); err != nil {
		t.Fatal(err)
	}
	g := graph{}
	for decoder := json.NewDecoder(stdout); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading what go list prints: %v", err)
		}
		g[p.ImportPath] = p.Imports
	}
	if err := list.Wait(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	return g
}

// chain returns the shortest way from a package to one that matches, both included, or nil.
func (g graph) chain(from string, matches func(string) bool) []string {
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		way := queue[0]
		for _, next := range g[way[len(way)-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clone(way), next)
			if matches(next) {
				return longer
			}
			queue = append(queue, longer)
		}
	}
	return nil
}

// ours are the packages below a folder of this project, in order.
func (g graph) ours(folder string) []string {
	var found []string
	for p := range g {
		if within(p, path.Join(module, folder)) {
			found = append(found, p)
		}
	}
	slices.Sort(found)
	return found
}

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// absolute completes a path of the rules: that of another module, or of the standard library, stays as it is.
func absolute(p string) string {
	if strings.Contains(strings.Split(p, "/")[0], ".") || p == "testing" {
		return p
	}
	return path.Join(module, p)
}

// breaches are the chains that go through a wall.
func (g graph) breaches(w wall) [][]string {
	var found [][]string
	for _, folder := range w.from {
		for _, from := range g.ours(folder) {
			if slices.ContainsFunc(w.but, func(exempt string) bool { return within(from, absolute(exempt)) }) {
				continue
			}
			for _, to := range w.to {
				if chain := g.chain(from, func(p string) bool { return within(p, absolute(to)) }); chain != nil {
					found = append(found, chain)
				}
			}
		}
	}
	return found
}

// climbs are the imports within a component that do not go down in its order, and packages that have no place in it.
func (g graph) climbs(component string, order []string) (up [][]string, unplaced []string) {
	rank := func(pkg string) int {
		name := strings.TrimPrefix(strings.TrimPrefix(pkg, path.Join(module, component)), "/")
		return slices.IndexFunc(order, func(pattern string) bool {
			ok, err := path.Match(pattern, name)
			return err == nil && ok || pattern == "." && name == ""
		})
	}
	for _, from := range g.ours(component) {
		if rank(from) < 0 {
			unplaced = append(unplaced, from)
			continue
		}
		for _, to := range g[from] {
			if within(to, path.Join(module, component)) && rank(to) <= rank(from) {
				up = append(up, []string{from, to})
			}
		}
	}
	return up, unplaced
}

func show(chain []string) string {
	short := make([]string, len(chain))
	for i, p := range chain {
		short[i] = strings.TrimPrefix(p, module+"/")
	}
	return strings.Join(short, "\n\t→ ")
}

func TestWalls(t *testing.T) {
	g := load(t)
	for _, w := range walls {
		for _, chain := range g.breaches(w) {
			t.Errorf("%s, but:\n\t%s", w.why, show(chain))
		}
	}
}

func TestOrders(t *testing.T) {
	g := load(t)
	for component, order := range orders {
		up, unplaced := g.climbs(component, order)
		for _, chain := range up {
			t.Errorf("in %s imports go down (%s), but:\n\t%s", component, strings.Join(order, " > "), show(chain))
		}
		for _, p := range unplaced {
			t.Errorf("%s has no place in the order of %s in rules_test.go", p, component)
		}
	}
}

func TestNames(t *testing.T) {
	for _, p := range load(t).ours("") {
		for _, element := range strings.Split(strings.TrimPrefix(p, module), "/") {
			if slices.Contains(nameless, element) {
				t.Errorf("the name %s in %s does not say what is in it", element, p)
			}
		}
	}
}

// TestMapIsComplete looks whether the map in the root package knows every package, and only those.
func TestMapIsComplete(t *testing.T) {
	content, err := os.ReadFile("../../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	packages := load(t).ours("")
	known := map[string]bool{module: true}
	for _, line := range regexp.MustCompile(`(?m)^//\t(\S+)`).FindAllStringSubmatch(string(content), -1) {
		folder, isTree := strings.CutSuffix(line[1], "/...")
		before := len(known)
		for _, p := range packages {
			if p == path.Join(module, folder) || isTree && within(p, path.Join(module, folder)) {
				known[p] = true
			}
		}
		if len(known) == before {
			t.Errorf("doc.go has a line for %s, where there is nothing that an earlier line does not have", line[1])
		}
	}
	for _, p := range packages {
		if !known[p] {
			t.Errorf("doc.go does not mention %s", p)
		}
	}
}

// TestBreachIsFound plants a way through every wall: a rule that finds nothing would pass.
func TestBreachIsFound(t *testing.T) {
	const through = "example.org/through"
	for _, w := range walls {
		for _, folder := range w.from {
			for _, to := range w.to {
				from, target := path.Join(module, folder, "planted"), path.Join(absolute(to), "planted")
				want := [][]string{{from, through, target}}
				g := graph{from: {through}, through: {target}}
				got := g.breaches(wall{from: []string{folder}, to: []string{to}})
				if !slices.EqualFunc(got, want, slices.Equal) {
					t.Errorf("found %v, want %v", got, want)
				}
			}
		}
	}
}

// TestClimbIsFound plants an import upwards, and one of a sibling.
func TestClimbIsFound(t *testing.T) {
	order := []string{".", "floor/*", "cellar"}
	root := path.Join(module, "house")
	left, right, cellar := root+"/floor/left", root+"/floor/right", root+"/cellar"
	g := graph{root: {left, cellar}, left: {right, cellar}, right: {cellar}, cellar: {root}, root + "/shed": {cellar}}
	up, unplaced := g.climbs("house", order)
	if want := [][]string{{cellar, root}, {left, right}}; !slices.EqualFunc(up, want, slices.Equal) {
		t.Errorf("found %v upwards, want %v", up, want)
	}
	if want := []string{root + "/shed"}; !slices.Equal(unplaced, want) {
		t.Errorf("found %v without a place, want %v", unplaced, want)
	}
}

// TestRulesAreAboutSomething finds misspelt folders on the side of a wall that is looked at. The CLI is yet to come.
func TestRulesAreAboutSomething(t *testing.T) {
	g := load(t)
	for _, w := range walls {
		for _, folder := range w.from {
			if folder != "cli" && len(g.ours(folder)) == 0 {
				t.Errorf("there is no package in %s", folder)
			}
		}
	}
}
