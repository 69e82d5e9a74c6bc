// SPDX-License-Identifier: Apache-2.0

package printable

import "testing"

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"cowboys.wildwest.dev":         "cowboys.wildwest.dev",
		"":                             "",
		"\x1b[1A\x1b[2K\rgone":         "�[1A�[2K�gone",
		"a\u009b2Kb":                   "a�2Kb", // C1
		"a\x9b2Kb":                     "a�2Kb", // C1 of terminals that are not in UTF-8
		"a\x7f\x08b":                   "a��b",  // DEL, and a step back
		"one\ntwo\tthree\u2028four":    "one two three�four",
		"a\u202eb\u2066c\u200fd\u061c": "a�b�c�d�",   // directions
		"se\u200bcr\u00adets\ufeff":    "se�cr�ets�", // not to be seen
		"\u3164\u034f\U000e0041":       "���",        // nor these: a filler, a joiner of marks, a tag
		"می\u200cخواهم 👩\u200d💻":       "می\u200cخواهم 👩\u200d💻",
		"✅ naïve 日本 ⚠\ufe0f":           "✅ naïve 日本 ⚠\ufe0f",
	} {
		if got := Line(text); got != want {
			t.Errorf("%+q: got %+q, want %+q", text, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	if got, want := Lines("one\n\ttwo\r\x1b[2K\u202e"), "one\n\ttwo��[2K�"; got != want {
		t.Errorf("got %+q, want %+q", got, want)
	}
}
