package totp

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"pgregory.net/rapid"
)

const minute = 60 * time.Second

// seed is the key of the RFCs' vectors, which is as long as the hash.
func seed(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }

// at is a time of the RFC's epoch.
func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// RFC 4226, appendix D.
func TestCodesOfRFC4226(t *testing.T) {
	c := Credential{Secret: seed(20), Period: 30 * time.Second, Digits: 6, Algorithm: SHA1}
	for step, want := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := c.Code(int64(step)); got != want {
			t.Errorf("Code(%d): got %s, want %s", step, got, want)
		}
	}
}

// RFC 6238, appendix B; the keys by its erratum 2866.
func TestCodesOfRFC6238(t *testing.T) {
	for _, c := range []struct {
		seconds              int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for _, v := range []struct {
			algorithm Algorithm
			size      int
			code      string
		}{{SHA1, 20, c.sha1}, {"", 20, c.sha1}, {SHA256, 32, c.sha256}, {SHA512, 64, c.sha512}} {
			credential := Credential{Secret: seed(v.size), Period: 30 * time.Second, Digits: 8, Algorithm: v.algorithm}
			if got := credential.Code(c.seconds / 30); got != v.code {
				t.Errorf("Code with %q at %d s: got %s, want %s", v.algorithm, c.seconds, got, v.code)
			}
			step, ok := credential.Match(v.code, at(c.seconds))
			if !ok || step != c.seconds/30 {
				t.Errorf("Match with %q at %d s: got %d, %v, want %d", v.algorithm, c.seconds, step, ok, c.seconds/30)
			}
			credential.Digits = 7 // the codes are the same number, cut shorter
			if got := credential.Code(c.seconds / 30); got != v.code[1:] {
				t.Errorf("Code of 7 digits with %q at %d s: got %s, want %s", v.algorithm, c.seconds, got, v.code[1:])
			}
		}
	}
}

// A code is right from 30 s before its step to 29 s after it ends, second by second, and nowhere else (security 19).
func TestMatchWindow(t *testing.T) {
	for _, c := range []struct {
		period time.Duration
		live   int // seconds for which one code is right
	}{{minute, 30 + 60 + 30}, {30 * time.Second, 30 + 30 + 30}} {
		length := int64(c.period / time.Second)
		const step = 20_000_000
		begin, end := step*length, (step+1)*length
		credential := Credential{Secret: seed(20), Period: c.period, Digits: 8}
		code := credential.Code(step)
		live := 0
		for now := begin - 300; now < end+300; now++ {
			want := begin-30 <= now && now <= end+29
			got, ok := credential.Match(code, at(now))
			if ok != want || ok && got != step {
				t.Errorf("Match at period %v, %+d s from the begin: got %d, %v, want %v", c.period, now-begin, got, ok, want)
			}
			if ok {
				live++
			}
		}
		if live != c.live {
			t.Errorf("period %v: a code is right for %d s, want %d", c.period, live, c.live)
		}
		for _, edge := range []struct {
			now  time.Time
			want bool
		}{
			{at(begin - 30).Add(-time.Nanosecond), false},
			{at(begin - 30), true},
			{at(end + 30).Add(-time.Nanosecond), true},
			{at(end + 30), false},
		} {
			if _, ok := credential.Match(code, edge.now); ok != edge.want {
				t.Errorf("Match at period %v, %v: got %v, want %v", c.period, edge.now, ok, edge.want)
			}
		}
	}
}

// At any time the steps that match are those that the interval touches: at period 60 those of now-30 s and now+30 s.
func TestMatchIsTheStepsTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.SampledFrom([]time.Duration{minute, 30 * time.Second}).Draw(t, "period")
		now := time.Unix(rapid.Int64Range(1000, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
		c := Credential{Secret: seed(20), Period: period, Digits: 8}
		around := now.Unix() / int64(period/time.Second)
		var matched []int64
		for s := max(0, around-4); s <= around+4; s++ {
			begin := at(0).Add(time.Duration(s) * period)
			touched := !begin.After(now.Add(30*time.Second)) && begin.Add(period).After(now.Add(-30*time.Second))
			got, ok := c.Match(c.Code(s), now)
			if ok != touched || ok && got != s {
				t.Fatalf("Match of step %d at %v: got %d, %v, want %v", s, now, got, ok, touched)
			}
			if ok {
				matched = append(matched, s)
			}
		}
		if period == minute {
			early, late := now.Add(-30*time.Second).Unix()/60, now.Add(30*time.Second).Unix()/60
			if len(matched) != 2 || matched[0] != early || matched[1] != late {
				t.Fatalf("steps at %v: got %v, want %d and %d", now, matched, early, late)
			}
		} else if len(matched) != 3 {
			t.Fatalf("steps at %v: got %v, want three", now, matched)
		}
	})
}

// A code is good once: it, and those before it, are refused from then on.
func TestMatchOnce(t *testing.T) {
	c := Credential{Secret: seed(20), Period: minute, Digits: 6, Algorithm: SHA1}
	now := at(1_800_000_000) // the first second of a step
	const current = int64(30_000_000)
	before, code, after := c.Code(current-1), c.Code(current), c.Code(current+1)

	step, ok := c.Match(code, now)
	if !ok || step != current {
		t.Fatalf("Match: got %d, %v, want %d", step, ok, current)
	}
	if c.Replayed(code, now) {
		t.Error("Replayed before it was accepted: got true")
	}
	c.LastStep = step // as the caller stores it

	for name, typed := range map[string]string{"the same code": code, "the code before it": before} {
		if step, ok := c.Match(typed, now); ok || step != 0 {
			t.Errorf("Match of %s: got %d, %v, want false", name, step, ok)
		}
		if !c.Replayed(typed, now) {
			t.Errorf("Replayed of %s: got false", name)
		}
	}
	for name, typed := range map[string]string{"a wrong code": "000000", "a later code": after, "nothing": ""} {
		if c.Replayed(typed, now.Add(30*time.Second)) {
			t.Errorf("Replayed of %s: got true", name)
		}
	}
	if c.Replayed(code, now.Add(90*time.Second)) {
		t.Error("Replayed of a code that is out of date: got true")
	}
	if step, ok := c.Match(after, now.Add(30*time.Second)); !ok || step != current+1 {
		t.Errorf("Match of the next code: got %d, %v, want %d", step, ok, current+1)
	}
}

// Whoever stores the step that matched never accepts a step twice, however clocks jump.
func TestAcceptedStepsOnlyRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Credential{
			Secret: seed(20), Digits: 6,
			Period: rapid.SampledFrom([]time.Duration{minute, 30 * time.Second}).Draw(t, "period"),
		}
		seconds := int64(1_800_000_000)
		for range 30 {
			seconds += rapid.Int64Range(-90, 90).Draw(t, "jump")
			typed := c.Code(seconds/int64(c.Period/time.Second) + rapid.Int64Range(-2, 2).Draw(t, "step"))
			step, ok := c.Match(typed, at(seconds))
			replayed := c.Replayed(typed, at(seconds))
			if ok && (step <= c.LastStep || replayed) {
				t.Fatalf("Match: got step %d, replayed %v, after step %d", step, replayed, c.LastStep)
			}
			if ok {
				c.LastStep = step
			}
		}
	})
}

// Only exactly the digits match.
func TestMatchTakesDigitsOnly(t *testing.T) {
	now := at(1_800_000_000)
	for digits := 6; digits <= 8; digits++ {
		c := Credential{Secret: seed(20), Period: minute, Digits: digits}
		code := c.Code(now.Unix() / 60)
		if _, ok := c.Match(code, now); !ok || len(code) != digits {
			t.Fatalf("Match of %d digits, %s: got false", digits, code)
		}
		wide := strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
		arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
		for _, typed := range []string{
			"", code[1:], code[:digits-1], code + "0", "0" + code, code + code, " " + code, code + " ", code + "\n",
			code[:3] + " " + code[3:], code[:3] + "-" + code[3:], "+" + code[1:], "-" + code, code + "\x00", wide, arabic,
			strings.Repeat("0", 100_000),
		} {
			if step, ok := c.Match(typed, now); ok {
				t.Errorf("Match of %.20q with %d digits: got %d, want false", typed, digits, step)
			}
			if c.Replayed(typed, now) {
				t.Errorf("Replayed of %.20q with %d digits: got true", typed, digits)
			}
		}
	}
}

// A credential that makes no sense matches nothing, not even the code that the arithmetic would give.
func TestMatchNeedsACredential(t *testing.T) {
	now := at(1_800_000_000)
	right := Credential{Secret: seed(20), Period: minute, Digits: 6, Algorithm: SHA1}
	for name, change := range map[string]func(*Credential){
		"no secret":         func(c *Credential) { c.Secret = nil },
		"a short secret":    func(c *Credential) { c.Secret = seed(15) },
		"no period":         func(c *Credential) { c.Period = 0 },
		"a negative period": func(c *Credential) { c.Period = -minute },
		"a tiny period":     func(c *Credential) { c.Period = time.Nanosecond },
		"a long period":     func(c *Credential) { c.Period = 90 * time.Second },
		"no digits":         func(c *Credential) { c.Digits = 0 },
		"five digits":       func(c *Credential) { c.Digits = 5 },
		"nine digits":       func(c *Credential) { c.Digits = 9 },
		"another algorithm": func(c *Credential) { c.Algorithm = "MD5" },
		"small letters":     func(c *Credential) { c.Algorithm = "sha1" },
	} {
		c := right
		change(&c)
		computed, err := hotp.GenerateCodeCustom(Base32(c.Secret), uint64(now.Unix()/60), hotp.ValidateOpts{
			Digits: otp.Digits(c.Digits), Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, typed := range []string{"", "000000", computed, right.Code(now.Unix() / 60)} {
			if step, ok := c.Match(typed, now); ok || c.Replayed(typed, now) {
				t.Errorf("Match of %q with %s: got %d, %v, want false", typed, name, step, ok)
			}
		}
	}
	if got := right.Code(-1); got != "" {
		t.Errorf("Code(-1): got %q, want none", got)
	}
	for _, seconds := range []int64{-1_800_000_000, -61, -1} {
		if step, ok := right.Match("", at(seconds)); ok {
			t.Errorf("Match before 1970: got %d, want false", step)
		}
	}
}

func TestDetect(t *testing.T) {
	secret := seed(20)
	told := Credential{Secret: secret, Period: minute, Digits: 6}
	deaf := Credential{Secret: secret, Period: 30 * time.Second, Digits: 6}
	now := at(1_800_000_045)
	for _, c := range []struct {
		name   string
		code   string
		period time.Duration
		step   int64
	}{
		{"60 s", told.Code(30_000_000), minute, 30_000_000},
		{"60 s, a fast clock", told.Code(30_000_001), minute, 30_000_001},
		{"60 s, too old", told.Code(29_999_999), 0, 0},
		{"30 s", deaf.Code(60_000_001), 30 * time.Second, 60_000_001},
		{"30 s, a slow clock", deaf.Code(60_000_000), 30 * time.Second, 60_000_000},
		{"30 s, a fast clock", deaf.Code(60_000_002), 30 * time.Second, 60_000_002},
		{"30 s, too old", deaf.Code(59_999_999), 0, 0},
		{"wrong", "000000", 0, 0},
		{"nothing", "", 0, 0},
		{"eight digits", Credential{Secret: secret, Period: minute, Digits: 8}.Code(30_000_000), 0, 0},
	} {
		period, step, ok := Detect(secret, c.code, now)
		if period != c.period || step != c.step || ok != (c.period != 0) {
			t.Errorf("Detect of %s: got %v, %d, %v, want %v, %d", c.name, period, step, ok, c.period, c.step)
		}
	}

	// A minute in which the codes of both happen to be the same: the app is taken to do as it was told.
	const both = 1_877_138
	if a, b := told.Code(both), deaf.Code(2*both); a != b {
		t.Fatalf("codes: got %s and %s, want the same", a, b)
	}
	if period, step, ok := Detect(secret, told.Code(both), at(both*60)); !ok || period != minute || step != both {
		t.Errorf("Detect of a code that fits both: got %v, %d, %v, want 60 s", period, step, ok)
	}
	if _, _, ok := Detect(nil, told.Code(30_000_000), now); ok {
		t.Error("Detect without a secret: got true")
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "123\u00a0456\r\n": "123456", "1 2 3 4 5 6": "123456", "": "",
		"\u2003123\u202f456": "123456", "123-456": "123-456", "12345a": "12345a", "１２３": "１２３",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestNewSecret(t *testing.T) {
	a, err := NewSecret(rand.Reader)
	if err != nil || len(a) != 20 {
		t.Fatalf("NewSecret: got %d bytes, %v, want 20", len(a), err)
	}
	if b, err := NewSecret(rand.Reader); err != nil || bytes.Equal(a, b) {
		t.Errorf("NewSecret again: got the same, %v", err)
	}
	if got, err := NewSecret(iotest.ErrReader(io.ErrClosedPipe)); got != nil || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("NewSecret without randomness: got %d bytes, %v, want %v", len(got), err, io.ErrClosedPipe)
	}
	if got, err := NewSecret(bytes.NewReader(seed(19))); got != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewSecret with 19 bytes: got %d bytes, %v, want %v", len(got), err, io.ErrUnexpectedEOF)
	}
}

func TestSecretIsNotShown(t *testing.T) {
	c := Credential{Secret: seed(20), Period: minute, Digits: 6}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{c.Secret, c, &c, []Credential{c}} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
	}
	inJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("login", "secret", c.Secret, "credential", c)
	}
	for _, s := range append(shown, string(inJSON), log.String()) {
		for _, trace := range []string{"1234567890", "31323334", "49 50 51", "49, 50", "0x31", "MTIzNDU2", Base32(c.Secret)} {
			if strings.Contains(s, trace) {
				t.Errorf("shown: %s", s)
			}
		}
		if !strings.Contains(s, "[redacted]") {
			t.Errorf("got %s, want [redacted] in it", s)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	c := Credential{Secret: seed(20), Period: 30 * time.Second, Digits: 6}
	for b.Loop() {
		c.Match("000000", at(1_800_000_000))
	}
}
