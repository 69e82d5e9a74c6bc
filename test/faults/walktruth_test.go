// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
)

// What users were told decides what there must be: what was acknowledged is so, what broke off may be so, what was refused
// changes nothing, and what is going can be changed but not kept.
func TestWalkLearnsFromWhatUsersAreTold(t *testing.T) {
	t.Parallel()
	type told struct {
		act
		value string
		came  outcome
	}
	inHome, afar := subject{cowboy, home, "one"}, subject{given, "now-and-then", "one"}
	for name, tc := range map[string]struct {
		of   subject
		told []told
		may  []string
		lost int
	}{
		"nothing happened":            {inHome, nil, []string{""}, 0},
		"acknowledged":                {inHome, []told{{create, "1", made}, {change, "2", made}}, []string{"2"}, 0},
		"refused":                     {inHome, []told{{create, "1", made}, {change, "2", refused}, {remove, "", refused}}, []string{"1"}, 0},
		"a change broke off":          {inHome, []told{{create, "1", made}, {change, "2", unsure}}, []string{"1", "2"}, 0},
		"a creation broke off":        {inHome, []told{{create, "1", unsure}}, []string{"", "1"}, 0},
		"a removal broke off":         {inHome, []told{{create, "1", made}, {remove, "", unsure}}, []string{"", "1"}, 0},
		"known again":                 {inHome, []told{{create, "1", made}, {change, "2", unsure}, {change, "3", made}}, []string{"3"}, 0},
		"removed":                     {inHome, []told{{create, "1", made}, {remove, "", made}}, []string{""}, 0},
		"removed with its namespace":  {inHome, []told{{create, "1", made}, {removeNamespace, "", made}}, []string{""}, 0},
		"changed while going":         {inHome, []told{{create, "1", made}, {remove, "", made}, {change, "2", made}}, []string{""}, 0},
		"changed while going, unsure": {inHome, []told{{create, "1", made}, {remove, "", unsure}, {change, "2", made}}, []string{"", "2"}, 0},
		"made again":                  {inHome, []told{{create, "1", made}, {remove, "", made}, {create, "2", made}}, []string{"2"}, 0},
		"made again although there":   {inHome, []told{{create, "1", made}, {create, "2", made}}, []string{"2"}, 1},
		"gone with its namespace":     {afar, []told{{create, "1", made}, {create, "2", made}}, []string{"2"}, 0},
		"a copy was removed":          {inHome, []told{{create, "1", made}, {removeCopy, "", made}, {changeCopy, "2", made}, {status, "3", made}}, []string{"1"}, 0},
	} {
		w := newWalker(nil, nil)
		for _, o := range tc.told {
			w.learn(w.truth(tc.of), operation{act: o.act, subject: tc.of, value: o.value}, o.came)
		}
		if may := w.truth(tc.of).may; !may.Equal(sets.New(tc.may...)) || len(w.lost) != tc.lost {
			t.Errorf("%s: it may be %q, want %q; lost: %v, want %d", name, sets.List(may), tc.may, w.lost, tc.lost)
		}
	}
}

// Only what a server has refused, or has never heard of, was not made for sure.
func TestWalkOutcomes(t *testing.T) {
	t.Parallel()
	cowboys := schema.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
	for want, errs := range map[outcome][]error{
		made: {nil},
		refused: {
			fmt.Errorf("%w: %w", errNotMade, context.DeadlineExceeded), fmt.Errorf("dialing: %w", syscall.ECONNREFUSED),
			apierrors.NewNotFound(cowboys, "one"), apierrors.NewAlreadyExists(cowboys, "one"), apierrors.NewConflict(cowboys, "one", nil),
		},
		unsure: {
			context.DeadlineExceeded, fmt.Errorf("reading: %w", syscall.ECONNRESET), apierrors.NewInternalError(errors.New("etcd is away")),
			apierrors.NewServiceUnavailable("starting"), apierrors.NewTimeoutError("too slow", 1),
		},
	} {
		for _, err := range errs {
			if got := outcomeOf(err); got != want {
				t.Errorf("%v: %s, want %s", err, got, want)
			}
		}
	}
}

// What a stage has to say of an object that is not as it should be is enough to look into it.
func TestWalkSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w, s := newWalker(nil, nil), subject{cowboy, home, "one"}
	w.truth(s).may = sets.New("1")
	w.truth(s).history = []string{"create 1: made"}
	errs := w.nothingLost(found{})
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), s.String()) || !strings.Contains(errs[0].Error(), "create 1: made") {
		t.Errorf("got %v, want what was lost and how it was made", errs)
	}
}
