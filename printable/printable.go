// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"strings"
	"unicode"
)

// stand is what is shown in place of a character that is not.
const stand = unicode.ReplacementChar

// Disguises tells whether a character makes a text look like another: it moves the cursor or ends the line, turns the direction of
// what follows, or cannot be seen. The joiners are none of these: some scripts, and emoji, are written with them.
func Disguises(c rune) bool {
	if c == '\u200c' || c == '\u200d' {
		return false
	}
	return unicode.IsControl(c) || unicode.In(c, unicode.Zl, unicode.Zp, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point)
}

// Line is a text of others in one line, without characters that disguise it.
func Line(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\t':
			return ' '
		case Disguises(c):
			return stand
		}
		return c
	}, text)
}

// Lines is a text of ours with what others say in it. Its lines and tabs stay.
func Lines(text string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && Disguises(c) {
			return stand
		}
		return c
	}, text)
}
