package blocklist

import "strings"

// repeats reports whether s, which is folded, is a common unit, or any of less than minStem characters, at least twice in
// a row, the last perhaps cut short. Of two the second may lack its last character, so that "password password" is one too.
func repeats(s string) bool {
	chars := []rune(s)
	n := period(chars)
	if n < minStem {
		return len(chars) >= 2*n
	}
	unit := string(chars[:n])
	return len(chars)+1 >= 2*n && (listed(unit) || runs(unit))
}

// period gives the least n > 0 such that each character is the one n before it: len(s) less the longest proper prefix that
// is also a suffix (the failure function of Knuth, Morris and Pratt), in time that grows with len(s) only.
func period(s []rune) int {
	border := make([]int, len(s)+1) // border[i]: the longest proper prefix of s[:i] that is also its suffix
	for i := 1; i < len(s); i++ {
		k := border[i]
		for k > 0 && s[k] != s[i] {
			k = border[k]
		}
		if s[k] == s[i] {
			k++
		}
		border[i+1] = k
	}
	return len(s) - border[len(s)]
}

// minRun is the length of the shortest run: two neighbours stand side by side in many words.
const minRun = 3

// rows are what fingers and minds run along, forwards and backwards. The first two close to a circle.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "0123456789",
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "!@#$%^&*()", // QWERTY
	"qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", // QWERTZ, AZERTY
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", // down and across
}

const circles = 2 // of rows

// runs reports whether s, which is folded, is nothing but runs of minRun characters or more.
func runs(s string) bool {
	for s != "" {
		n := run(s)
		if n < minRun {
			return false
		}
		s = s[n:]
	}
	return true
}

// run gives the length in bytes of the longest run at the beginning of s, which is not empty. An ASCII character that
// stands in no row runs on the spot only; others do not run.
func run(s string) int {
	longest := len(s) - len(strings.TrimLeft(s, s[:1]))
	for i, row := range rows {
		for _, step := range []int{1, len(row) - 1} { // backwards is almost once around
			n, at := 1, strings.IndexByte(row, s[0])
			for ; at >= 0 && n < len(s); n++ {
				next := (at + step) % len(row)
				if (i >= circles && next-at != 1 && at-next != 1) || s[n] != row[next] {
					break
				}
				at = next
			}
			longest = max(longest, n)
		}
	}
	return longest
}
