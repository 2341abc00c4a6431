package captcha

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

var (
	key = bytes.Repeat([]byte("k"), 32)
	now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

// random gives bytes that make the number of a challenge, which is the same in all tests that do not care.
func random(number uint64) io.Reader {
	b := make([]byte, nonceSize+8)
	copy(b, "0123456789abcdef")
	for i := range 8 {
		b[nonceSize+i] = byte(number >> (56 - 8*i))
	}
	return bytes.NewReader(b)
}

func newChallenge(t testing.TB, purpose, accountID string) Challenge {
	t.Helper()
	c, err := New(key, purpose, accountID, random(4711), now)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

// A challenge from beginning to end.
func TestStory(t *testing.T) {
	c, err := New(key, "login", "acme", rand.Reader, now)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	answer := Solve(c)
	if answer == "" {
		t.Fatal("Solve: no answer")
	}
	id, expires, err := Verify(key, answer, "login", "acme", now.Add(time.Second))
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || !expires.Equal(now.Add(10*time.Minute)) {
		t.Fatalf("Verify: got %q, %v, %v", id, expires, err)
	}
	// It verifies again: whoever keeps the id sees that it was used.
	again, _, err := Verify(key, answer, "login", "acme", now.Add(time.Minute))
	if err != nil || again != id {
		t.Errorf("Verify again: got %q, %v, want the same id %q", again, err, id)
	}
	other, err := New(key, "login", "acme", rand.Reader, now)
	if err != nil || other.Salt == c.Salt || other.Challenge == c.Challenge {
		t.Errorf("New again: got %+v, %v, want another", other, err)
	}
}

// The form that ALTCHA's clients know.
func TestForm(t *testing.T) {
	c := newChallenge(t, "single_use_code", "acme & söhne")
	const wantSalt = "30313233343536373839616263646566?account=acme+%26+s%C3%B6hne&expires=1793535000&maxnumber=50000" +
		"&purpose=single_use_code&"
	if c.Salt != wantSalt {
		t.Errorf("salt: got %s, want %s", c.Salt, wantSalt)
	}
	sum := sha256.Sum256([]byte(wantSalt + "4711"))
	if want := hex.EncodeToString(sum[:]); c.Challenge != want {
		t.Errorf("challenge: got %s, want %s", c.Challenge, want)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "7:SHA-25664:%s%d:%s", c.Challenge, len(c.Salt), c.Salt)
	if want := hex.EncodeToString(mac.Sum(nil)); c.Signature != want {
		t.Errorf("signature: got %s, want %s", c.Signature, want)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil || len(fields) != 5 || fields["algorithm"] != "SHA-256" ||
		fields["maxnumber"] != 50000.0 || fields["challenge"] != c.Challenge || fields["signature"] != c.Signature {
		t.Errorf("JSON: got %s, %v", raw, err)
	}
	answer, err := base64.StdEncoding.DecodeString(Solve(c))
	if err != nil {
		t.Fatal(err)
	}
	fields = nil
	if err := json.Unmarshal(answer, &fields); err != nil || len(fields) != 5 || fields["number"] != 4711.0 ||
		fields["algorithm"] != "SHA-256" || fields["salt"] != c.Salt {
		t.Errorf("answer: got %s, %v", answer, err)
	}
}

// The number is anything from 0 to MaxNumber, and no more.
func TestNumbers(t *testing.T) {
	const most = 1<<64 - 1
	for drawn, want := range map[uint64]int{
		0: 0, 1: 1, MaxNumber: MaxNumber, MaxNumber + 1: 0, most: most % (MaxNumber + 1),
	} {
		c, err := New(key, "login", "acme", random(drawn), now)
		if err != nil {
			t.Fatal(err)
		}
		if c.Challenge != hash(c.Salt, want) {
			t.Errorf("New with %d drawn: the number is not %d", drawn, want)
		}
		if _, _, err := Verify(key, Solve(c), "login", "acme", now); err != nil {
			t.Errorf("Verify with %d drawn: %v", drawn, err)
		}
	}
}

func TestSolveWithoutSolution(t *testing.T) {
	c := newChallenge(t, "login", "acme")
	c.MaxNumber = 4710
	if got := Solve(c); got != "" {
		t.Errorf("Solve below the number: got %s, want none", got)
	}
	c.MaxNumber = 4711
	if got := Solve(c); got == "" {
		t.Error("Solve up to the number: got none")
	}
	if got := Solve(Challenge{MaxNumber: -5}); got != "" {
		t.Errorf("Solve of nothing: got %s, want none", got)
	}
}

func TestKeyAndRandomness(t *testing.T) {
	for _, short := range [][]byte{nil, {}, key[:31]} {
		if _, err := New(short, "login", "acme", rand.Reader, now); err == nil {
			t.Errorf("New with a key of %d bytes: no error", len(short))
		}
		_, _, err := Verify(short, Solve(newChallenge(t, "login", "acme")), "login", "acme", now)
		if err == nil || errors.Is(err, ErrWrong) {
			t.Errorf("Verify with a key of %d bytes: got %v, want another error than ErrWrong", len(short), err)
		}
	}
	if _, err := New(key, "login", "acme", iotest.ErrReader(io.ErrClosedPipe), now); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("New without randomness: got %v, want %v", err, io.ErrClosedPipe)
	}
	if _, err := New(key, "login", "acme", bytes.NewReader(make([]byte, 23)), now); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("New with too little randomness: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

// An answer is right for its purpose in its account, and for nothing else.
func TestBound(t *testing.T) {
	names := []string{
		"login", "reset", "single_use_code", "", "acme", "Acme", "a&purpose=reset", "a=b;c", "%26", "\xff", "a&", "&a", "?",
	}
	for _, purpose := range names {
		for _, account := range names {
			c := newChallenge(t, purpose, account)
			answer := solution{c.Algorithm, c.Challenge, 4711, c.Salt, c.Signature}.encode()
			for _, p := range names {
				for _, a := range names {
					_, _, err := Verify(key, answer, p, a, now)
					if right := p == purpose && a == account; right != (err == nil) || !right && !errors.Is(err, ErrWrong) {
						t.Errorf("Verify of one for %q in %q as %q in %q: %v", purpose, account, p, a, err)
					}
				}
			}
		}
	}
}

func TestLifetime(t *testing.T) {
	c, err := New(key, "login", "acme", random(1), now.Add(900*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		after time.Duration
		want  bool
	}{
		{-time.Hour, true}, // a clock that is behind
		{0, true},
		{Lifetime - time.Nanosecond, true},
		{Lifetime, false}, // the fraction of the second was cut off
		{Lifetime + time.Hour, false},
	} {
		_, expires, err := Verify(key, Solve(c), "login", "acme", now.Add(v.after))
		if (err == nil) != v.want || err == nil && !expires.Equal(now.Add(Lifetime)) {
			t.Errorf("Verify after %v: got %v, %v, want right %v", v.after, expires, err, v.want)
		}
	}
}

// Each field was signed, or follows from what was.
func TestTampered(t *testing.T) {
	c := newChallenge(t, "login", "acme")
	right := solution{c.Algorithm, c.Challenge, 4711, c.Salt, c.Signature}
	if _, _, err := Verify(key, right.encode(), "login", "acme", now); err != nil {
		t.Fatalf("Verify of the right one: %v", err)
	}
	other := newChallenge(t, "reset", "acme")
	later, err := New(key, "login", "acme", random(4711), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*solution){
		"another algorithm":          func(a *solution) { a.Algorithm = "SHA-512" },
		"no algorithm":               func(a *solution) { a.Algorithm = "" },
		"a small algorithm":          func(a *solution) { a.Algorithm = "sha-256" },
		"the next number":            func(a *solution) { a.Number++ },
		"no number":                  func(a *solution) { a.Number = 0 },
		"a negative number":          func(a *solution) { a.Number = -4711 },
		"a huge number":              func(a *solution) { a.Number = 1 << 60 },
		"no challenge":               func(a *solution) { a.Challenge = "" },
		"a challenge in capitals":    func(a *solution) { a.Challenge = strings.ToUpper(a.Challenge) },
		"an easier challenge":        func(a *solution) { a.Challenge, a.Number = hash(a.Salt, 0), 0 },
		"no salt":                    func(a *solution) { a.Salt = "" },
		"another's salt":             func(a *solution) { a.Salt = other.Salt },
		"another's salt, worked out": func(a *solution) { a.Salt, a.Challenge = other.Salt, hash(other.Salt, 4711) },
		"a later salt":               func(a *solution) { a.Salt = later.Salt },
		"a later salt, worked out":   func(a *solution) { a.Salt, a.Challenge = later.Salt, hash(later.Salt, 4711) },
		"a salt with another value": func(a *solution) {
			a.Salt = strings.Replace(a.Salt, "purpose=login", "purpose=reset", 1)
			a.Challenge = hash(a.Salt, 4711)
		},
		"a salt with one value more": func(a *solution) {
			a.Salt += "purpose=login&"
			a.Challenge = hash(a.Salt, 4711)
		},
		"no signature":              func(a *solution) { a.Signature = "" },
		"another's signature":       func(a *solution) { a.Signature = other.Signature },
		"a signature in capitals":   func(a *solution) { a.Signature = strings.ToUpper(a.Signature) },
		"a signature cut":           func(a *solution) { a.Signature = a.Signature[:63] },
		"a signature of one's own":  func(a *solution) { a.Signature = sign([]byte("x"), a.Algorithm, a.Challenge, a.Salt) },
		"fields moved in signature": func(a *solution) { a.Algorithm, a.Challenge = "SHA-25", "6"+a.Challenge },
		// The hash of salt and number stays the same in these three, but for the signature.
		"a digit from the number to the salt": func(a *solution) { a.Salt, a.Number = a.Salt+"4", 711 },
		"all digits to the salt":              func(a *solution) { a.Salt, a.Number = a.Salt+"471", 1 },
		"the end of the salt":                 func(a *solution) { a.Salt = strings.TrimSuffix(a.Salt, "&") },
	} {
		a := right
		change(&a)
		id, _, err := Verify(key, a.encode(), "login", "acme", now)
		if !errors.Is(err, ErrWrong) || id != "" {
			t.Errorf("Verify with %s: got %q, %v, want %v", name, id, err, ErrWrong)
		}
	}
	if _, _, err := Verify(bytes.Repeat([]byte("x"), 32), right.encode(), "login", "acme", now); !errors.Is(err, ErrWrong) {
		t.Errorf("Verify with another key: got %v, want %v", err, ErrWrong)
	}
}

// Even were the splice signed, a digit could not be read as part of the expiry: the salt ends where it ends.
func TestSpliced(t *testing.T) {
	c := newChallenge(t, "login", "acme")
	for _, s := range []string{
		c.Salt + "4", c.Salt[:len(c.Salt)-1], c.Salt + "&", c.Salt + "expires=9999999999&",
		strings.Replace(c.Salt, "expires=1", "expires=01", 1), strings.Replace(c.Salt, "?", "", 1), "",
		strings.Replace(c.Salt, "&expires=1793535000", "", 1), strings.Replace(c.Salt, "=50000", "=x", 1),
		strings.Replace(c.Salt, "acme", "%61cme", 1), strings.Replace(c.Salt, "&", ";", 1), c.Salt + "%zz",
	} {
		if got, ok := parseSalt(s); ok {
			t.Errorf("parseSalt(%q): got %+v, want false", s, got)
		}
		challenge := hash(s, 4711)
		a := solution{algorithm, challenge, 4711, s, sign(key, algorithm, challenge, s)}.encode()
		if _, _, err := Verify(key, a, "login", "acme", now); !errors.Is(err, ErrWrong) {
			t.Errorf("Verify with the salt %q, signed: got %v, want %v", s, err, ErrWrong)
		}
	}
}

// An algorithm that some later release signs is none that this one can check.
func TestAnotherAlgorithmSigned(t *testing.T) {
	c := newChallenge(t, "login", "acme")
	a := solution{"SHA-512", c.Challenge, 4711, c.Salt, sign(key, "SHA-512", c.Challenge, c.Salt)}.encode()
	if _, _, err := Verify(key, a, "login", "acme", now); !errors.Is(err, ErrWrong) {
		t.Errorf("Verify with another algorithm, signed: got %v, want %v", err, ErrWrong)
	}
}

// A number that is 0 must be said as well.
func TestNumberZeroIsSaid(t *testing.T) {
	c, err := New(key, "login", "acme", random(0), now)
	if err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(solution{c.Algorithm, c.Challenge, 0, c.Salt, c.Signature})
	if err != nil {
		t.Fatal(err)
	}
	for said, want := range map[string]bool{`"number":0,`: true, `"number":null,`: false, ``: false} {
		a := base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(object), `"number":0,`, said, 1)))
		if _, _, err := Verify(key, a, "login", "acme", now); (err == nil) != want {
			t.Errorf("Verify with %q: got %v, want right %v", said, err, want)
		}
	}
}

func TestWorkIsBounded(t *testing.T) {
	s := newChallenge(t, "login", "acme").Salt
	for number, want := range map[int]bool{MaxNumber: true, MaxNumber + 1: false, -1: false} {
		challenge := hash(s, number)
		a := solution{algorithm, challenge, number, s, sign(key, algorithm, challenge, s)}.encode()
		if _, _, err := Verify(key, a, "login", "acme", now); (err == nil) != want {
			t.Errorf("Verify of number %d: got %v, want right %v", number, err, want)
		}
	}
}

// What is not exactly an answer is none, however near it comes.
func TestMalformed(t *testing.T) {
	c := newChallenge(t, "login", "acme")
	right := Solve(c)
	raw, err := base64.StdEncoding.DecodeString(right)
	if err != nil {
		t.Fatal(err)
	}
	object := string(raw)
	inside := strings.Trim(object, "{}")
	padded, slashed := object, object // of such a length that base64 needs padding, and needs a slash for the salt's "?"
	for len(padded)%3 == 0 {
		padded += " "
	}
	for !strings.Contains(base64.StdEncoding.EncodeToString([]byte(slashed)), "/") {
		slashed = " " + slashed
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	without := func(field string) string {
		var fields map[string]any
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, field)
		left, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return encode(string(left))
	}
	wrong := map[string]string{
		"nothing":                            "",
		"JSON itself":                        object,
		"not base64":                         "?" + right,
		"without padding":                    base64.RawStdEncoding.EncodeToString([]byte(padded)),
		"base64 for URLs":                    base64.URLEncoding.EncodeToString([]byte(slashed)),
		"cut":                                right[:len(right)/2],
		"twice over":                         right + right,
		"base64 of base64":                   encode(right),
		"empty JSON":                         encode(""),
		"null":                               encode("null"),
		"a list":                             encode("[" + object + "]"),
		"a string":                           encode(strconv.Quote(object)),
		"no fields":                          encode("{}"),
		"two objects":                        encode(object + object),
		"something after":                    encode(object + "x"),
		"not closed":                         encode("{" + inside),
		"a comma at the end":                 encode("{" + inside + ",}"),
		"one more field":                     encode("{" + inside + `,"test":1}`),
		"a field twice":                      encode("{" + inside + `,"number":4711}`),
		"a field twice, the wrong one last":  encode("{" + inside + `,"number":1}`),
		"a field twice, the wrong one first": encode(`{"number":1,` + inside + "}"),
		"a field twice, once escaped":        encode("{" + inside + `,"n\u0075mber":4711}`),
		"capitals":                           encode(strings.Replace(object, `"number"`, `"Number"`, 1)),
		"took twice":                         encode("{" + inside + `,"took":1,"took":2}`),
		"took as an object":                  encode("{" + inside + `,"took":{}}`),
		"number as text":                     encode(strings.Replace(object, "4711", `"4711"`, 1)),
		"number as null":                     encode(strings.Replace(object, "4711", "null", 1)),
		"number as a fraction":               encode(strings.Replace(object, "4711", "4711.5", 1)),
		"number as a list":                   encode(strings.Replace(object, "4711", "[4711]", 1)),
		"number with a zero before":          encode(strings.Replace(object, "4711", "04711", 1)),
		"number beyond 64 bits":              encode(strings.Replace(object, "4711", "99999999999999999999", 1)),
		"challenge as a list":                encode(strings.Replace(object, `"`+c.Challenge+`"`, `["`+c.Challenge+`"]`, 1)),
		"not UTF-8":                          encode(strings.Replace(object, "login", "log\xffn", 1)),
		"a zero byte":                        encode(object + "\x00"),
		"huge":                               encode("{" + strings.Repeat(" ", 5000) + inside + "}"),
		"huge base64":                        strings.Repeat("A", 10_000_000),
		"deep":                               encode(strings.Repeat("[", 1400)),
		"a deep field":                       encode(`{"number":` + strings.Repeat("[", 1400)),
	}
	for _, field := range []string{"algorithm", "challenge", "number", "salt", "signature"} {
		wrong["without "+field] = without(field)
	}
	for name, answer := range wrong {
		id, expires, err := Verify(key, answer, "login", "acme", now)
		if !errors.Is(err, ErrWrong) || id != "" || !expires.IsZero() {
			t.Errorf("Verify of %s: got %q, %v, %v, want %v", name, id, expires, err, ErrWrong)
		}
	}
	for name, answer := range map[string]string{
		"as it is":     right,
		"padded":       encode(padded),
		"with a slash": encode(slashed),
		"in any order": without("nothing"),
		"with spaces":  encode("\n{ " + strings.ReplaceAll(inside, ",", " , ") + "\t}\n"),
		"took":         encode("{" + inside + `,"took":1234}`),
		"took exactly": encode(`{"took":12.34,` + inside + "}"),
	} {
		if _, _, err := Verify(key, answer, "login", "acme", now); err != nil {
			t.Errorf("Verify of an answer %s: %v", name, err)
		}
	}
}

// Whatever a challenge is for, its salt is read as it was written.
func TestSalt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("a&=?;%+#\x00 ")), 0, 10, -1))
		s := salt{
			id: "0123456789abcdef", purpose: text.Draw(t, "purpose"), accountID: text.Draw(t, "account"),
			expires:   time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "expires"), 0).UTC(),
			maxNumber: rapid.IntRange(0, 1<<30).Draw(t, "maxnumber"),
		}
		if got, ok := parseSalt(s.String()); !ok || got != s {
			t.Fatalf("parseSalt(%q): got %+v, %v, want %+v", s, got, ok, s)
		}
	})
}

// No answer that was not made by New is right, and none breaks Verify.
func FuzzVerify(f *testing.F) {
	c, err := New(key, "login", "acme", random(7), now)
	if err != nil {
		f.Fatal(err)
	}
	right := solution{c.Algorithm, c.Challenge, 7, c.Salt, c.Signature}
	raw, err := json.Marshal(right)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		string(raw), "", "{}", "null", "[[[[", `{"number":1e3}`, `{"algorithm":"SHA-256","algorithm":"SHA-256"}`, "\xff",
		strings.Replace(string(raw), "7", "8", 1), string(raw) + string(raw), `{"took":1,` + string(raw[1:]),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		id, expires, err := Verify(key, base64.StdEncoding.EncodeToString(object), "login", "acme", now)
		if err != nil {
			if !errors.Is(err, ErrWrong) || id != "" || !expires.IsZero() {
				t.Errorf("Verify of %q: got %q, %v, %v", object, id, expires, err)
			}
			return
		}
		if a, ok := readAnswer(base64.StdEncoding.EncodeToString(object)); !ok || a != right {
			t.Errorf("Verify of %q: right, but it is %+v", object, a)
		}
		if _, _, err := Verify(key, string(object), "login", "acme", now); err == nil {
			t.Errorf("Verify of %q without base64: no error", object)
		}
	})
}

func BenchmarkSolve(b *testing.B) {
	c, err := New(key, "login", "acme", random(MaxNumber/2), now)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Solve(c)
	}
}
