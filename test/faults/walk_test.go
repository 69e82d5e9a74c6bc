// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/leak"
)

// Environment variables that say how to walk; see CONTRIBUTING.md.
const (
	// walkSeedEnv is the seed of the first stage, or "random". Default: walkSeed.
	walkSeedEnv = "KUBE_BIND_WALK_SEED"
	// walkForEnv is how long to walk, as a duration. Default: walkStage.
	walkForEnv = "KUBE_BIND_WALK_FOR"
)

const (
	walkSeed = 1
	// walkStage is how long users and faults go on before all is mended and looked at.
	walkStage = 3 * time.Minute
)

// journey is how to walk.
type journey struct {
	seed   uint64
	length time.Duration
}

// journeyFrom reads the environment variables.
func journeyFrom(getenv func(string) string) (journey, error) {
	j := journey{walkSeed, walkStage}
	var err, errFor error
	switch seed := getenv(walkSeedEnv); seed {
	case "":
	case "random":
		j.seed = uint64(rand.Uint32()) // short enough to be typed
	default:
		j.seed, err = strconv.ParseUint(seed, 10, 64)
	}
	if length := getenv(walkForEnv); length != "" {
		j.length, errFor = time.ParseDuration(length)
	}
	if errFor == nil && j.length <= 0 {
		errFor = fmt.Errorf("%s: %s is not long enough", walkForEnv, j.length)
	}
	return j, errors.Join(err, errFor)
}

// stages are the seed and the length of each stage.
func (j journey) stages() []journey {
	var out []journey
	for left := j.length; left > 0; left -= walkStage {
		out = append(out, journey{j.seed + uint64(len(out)), min(left, walkStage)})
	}
	return out
}

func TestJourney(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		seed, length string
		want         []journey
	}{
		{"", "", []journey{{walkSeed, walkStage}}},
		{"7", "7m", []journey{{7, 3 * time.Minute}, {8, 3 * time.Minute}, {9, time.Minute}}},
		{"18446744073709551615", "30s", []journey{{1<<64 - 1, 30 * time.Second}}},
		{"seven", "", nil},
		{"", "7", nil},
		{"", "-7m", nil},
	} {
		j, err := journeyFrom(func(name string) string {
			return map[string]string{walkSeedEnv: tc.seed, walkForEnv: tc.length}[name]
		})
		if err != nil {
			if tc.want != nil {
				t.Errorf("%q %q: %v", tc.seed, tc.length, err)
			}
			continue
		}
		if got := j.stages(); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%q %q: got %v, want %v", tc.seed, tc.length, got, tc.want)
		}
	}
}

// Users of both sides do this and that at random while programs, API servers and networks fail at random. Once all is mended,
// every object has its copy with the same content, what was acknowledged is there, nothing is left over, nothing foreign was
// touched, and nothing is written any more.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	j, err := journeyFrom(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s := startStormy(t)
	untouchable := s.placeForeign(t)
	w := newWalker(s.Pair, s.place)
	w.truth(subject{namespace: home}).may = sets.New("there")
	w.truth(subject{namespace: taken}).may = sets.New("there")
	w.truth(subject{cowboy, home, "anchor"}).may = sets.New(leak.Body)
	for _, stage := range j.stages() {
		w.stage(t, s, stage, untouchable)
		if t.Failed() {
			return
		}
	}
}

// stage walks one itinerary, and looks at what came of it.
func (w *walker) stage(t *testing.T, s *stormy, j journey, untouchable []foreign) {
	t.Helper()
	t.Logf("walking for %s with seed %d", j.length, j.seed)
	defer func() {
		if t.Failed() {
			t.Logf("to walk this way again: make soak SEED=%d SOAK=%s", j.seed, j.length)
		}
	}()
	route := plan(j.seed, j.length)
	weather := s.begin(t.Context(), route.faults)
	defer weather.end()
	if err := w.walk(t.Context(), route.operations); err != nil {
		t.Fatal(err)
	}
	weather.over.Wait()
	mended := time.Now()
	if err := errors.Join(w.lost...); err != nil {
		t.Errorf("seed %d: %v", j.seed, err)
	}
	if err := weather.failed(); err != nil {
		t.Fatalf("seed %d: the faults failed: %v", j.seed, err)
	}
	w.tell(t, weather, j)
	expect.Eventually(t, fmt.Sprintf("seed %d: all should be well", j.seed), func(ctx context.Context) error {
		return w.settled(ctx, untouchable)
	})
	t.Logf("all was well %s after the last fault", time.Since(mended).Round(time.Second))
	w.comesToRest(t)
	waitBinding(t, s.Pair, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	if err := errors.Join(w.settled(t.Context(), untouchable), weather.failed()); err != nil {
		t.Errorf("seed %d: it did not stay so: %v", j.seed, err)
	}
}

// tell says what has happened. A stage of full length has everything in it.
func (w *walker) tell(t *testing.T, weather *storm, j journey) {
	t.Helper()
	done, never := w.report()
	had, spared := weather.report()
	t.Logf("seed %d:\n\t%s\n\t%s", j.seed, strings.Join(done, "\n\t"), strings.Join(had, "\n\t"))
	if j.length == walkStage && len(never)+len(spared) > 0 {
		t.Errorf("seed %d: nobody managed %v, and there was no %v", j.seed, never, spared)
	}
}
