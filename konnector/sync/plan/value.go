// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// subset says that all of want is in have:
//   - an object: each of its fields is in the other's field of that name. There may be more, which the provider's API
//     server or controllers added;
//   - a list: its elements are in elements of the other, in the same order. There may be more in between, because
//     others may add items to lists that are merged. Without the schema these cannot be told from atomic lists, where an
//     added element stays unnoticed until the next change of the content;
//   - null: is in null and in an absent field, because API servers drop nulls;
//   - a string, boolean or number: is in its equal. Numbers are compared by value.
func subset(want, have any) bool {
	switch want := normal(want).(type) {
	case map[string]any:
		have, ok := normal(have).(map[string]any)
		if !ok {
			return false
		}
		for name, value := range want {
			if !subset(value, have[name]) {
				return false
			}
		}
		return true
	case []any:
		have, ok := normal(have).([]any)
		return ok && subsequence(want, have)
	default:
		return want == normal(have)
	}
}

// subsequence takes for each element the first that will do, which leaves the most for the others.
func subsequence(want, have []any) bool {
	for _, value := range have {
		if len(want) > len(have) {
			return false
		}
		if len(want) > 0 && subset(want[0], value) {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// equal says that the values are the same JSON, where numbers are compared by value, and a field that is null is the
// same as one that is absent.
func equal(a, b any) bool {
	switch a := normal(a).(type) {
	case map[string]any:
		b, ok := normal(b).(map[string]any)
		if !ok {
			return false
		}
		for name, value := range a {
			if !equal(value, b[name]) {
				return false
			}
		}
		for name, value := range b {
			if _, both := a[name]; !both && normal(value) != nil {
				return false
			}
		}
		return true
	case []any:
		b, ok := normal(b).([]any)
		return ok && slices.EqualFunc(a, b, equal)
	default:
		return a == normal(b)
	}
}

// number is the canonical text of a number. It is a type of its own so that 1 is not "1".
type number string

// normal makes values that are the same JSON comparable: numbers become a number, nil maps and slices become nil, as
// they do when they are marshalled.
func normal(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v == nil {
			return nil
		}
	case []any:
		if v == nil {
			return nil
		}
	case int64:
		return number(strconv.FormatInt(v, 10))
	case float64:
		return number(formatFloat(v))
	}
	return value
}

// formatFloat writes a float as it is sent, so a whole one like an integer: what counts is the number that the API server
// reads. Beyond 2^53 that need not be the exact value of the float.
func formatFloat(f float64) string {
	switch {
	case f == 0:
		return "0" // also -0
	case math.Abs(f) < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	default:
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
}

// appendCanonical appends the value as JSON without spaces and with sorted keys. Strings are quoted in ASCII, which does
// not change with the version of Unicode that Go knows.
func appendCanonical(text []byte, value any) []byte {
	switch v := normal(value).(type) {
	case map[string]any:
		text = append(text, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text = strconv.AppendQuoteToASCII(text, name)
			text = append(text, ':')
			text = appendCanonical(text, v[name])
			text = append(text, ',')
		}
		return append(text, '}')
	case []any:
		text = append(text, '[')
		for _, item := range v {
			text = appendCanonical(text, item)
			text = append(text, ',')
		}
		return append(text, ']')
	case string:
		return strconv.AppendQuoteToASCII(text, v)
	case bool:
		return strconv.AppendBool(text, v)
	case number:
		return append(text, v...)
	default:
		return append(text, "null"...)
	}
}
