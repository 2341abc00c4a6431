package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"runtime"
	"strings"
	"testing"
)

// uploads is a function with a route that takes a file, and tells what came.
func uploads() Function {
	return Function{"uploads", []Route{{
		Method: "POST", Pattern: "/file", Who: Anyone, Page: true, Upload: &Upload{Types: []string{"text/csv"}},
		Query: []Field{{Name: "dryRun", Type: Bool}}, Body: []Field{{Name: "dryRun", Type: Bool}, {Name: "key", Type: Secret, Max: 20}},
		handle: func(q *request) (reply, error) {
			return reply{json: []any{q.file.Type, len(q.file.Content), q.query.bool("dryRun"), q.body.bool("dryRun"), q.body.secret("key").Reveal()}}, nil
		},
	}}}
}

// multipartOf makes a form of names and values; the value of "file" is a file.
func multipartOf(t *testing.T, pairs ...string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", pairs[i])}}
		if pairs[i] == "file" {
			h.Set("Content-Disposition", `form-data; name="file"; filename="people.csv"`)
			h.Set("Content-Type", "application/vnd.ms-excel") // what some browsers say of CSV
		}
		part, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, pairs[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestUploads(t *testing.T) {
	h := Handler(config(), uploads())
	many := make([]string, 0, 2000)
	for i := range 1000 {
		many = append(many, fmt.Sprint("field", i), "x")
	}
	form := func(pairs ...string) [2]string { a, b := multipartOf(t, pairs...); return [2]string{a, b} }
	raw := func(body string) [2]string { return [2]string{"text/csv", body} }
	cut := form("file", "abc")
	cut[1] = cut[1][:len(cut[1])-20]
	for _, c := range []struct {
		name   string
		sent   [2]string // media type and body
		query  string
		status int
		want   string // what the answer holds
	}{
		{"a body", raw("a,b"), "", 200, `["text/csv",3,false,false,""]`},
		{"a body to try", raw("a,b"), "?dryRun=true", 200, `["text/csv",3,true,false,""]`},
		{"a form", form("file", "a,b", "dryRun", "false", "dryRun", "true", "key", "c0ffee"), "", 200, `["",3,false,true,"c0ffee"]`},
		{"the longest body", raw(strings.Repeat("x", MaxFile)), "", 200, "5242880"},
		{"a longer body", raw(strings.Repeat("x", MaxFile+1)), "", 413, "payload_too_large"},
		{"the longest file", form("file", strings.Repeat("x", MaxFile), "key", "k"), "", 200, "5242880"},
		{"a longer file", form("file", strings.Repeat("x", MaxFile+1)), "", 413, "payload_too_large"},
		{"a longer form", form("file", strings.Repeat("x", MaxRequest)), "", 413, "payload_too_large"},
		{"an empty body", raw(""), "", 400, `"field":"file","code":"missing"`},
		{"an empty file", form("file", ""), "", 400, `"field":"file","code":"missing"`},
		{"no file", form("key", "k"), "", 400, `"field":"file","code":"missing"`},
		{"two files", form("file", "a", "file", "b"), "", 400, `"field":"file","code":"duplicate"`},
		{"two keys", form("file", "a", "key", "a", "key", "b"), "", 400, `"field":"key","code":"duplicate"`},
		{"a field that is not known", form("file", "a", "other", "x"), "", 400, `"field":"other","code":"unknown_field"`},
		{"a thousand of them", form(many...), "", 400, `"field":"","code":"malformed"`},
		{"a field that is too long", form("file", "a", "key", strings.Repeat("k", 21)), "", 400, `"field":"key","code":"too_long"`},
		{"a field that is no text", form("file", "a", "key", "\xff"), "", 400, `"field":"key","code":"not_utf8"`},
		{"a form cut off", cut, "", 400, "malformed"},
		{"a form without a boundary", [2]string{"multipart/form-data", "x"}, "", 415, "unsupported_media_type"},
		{"JSON", [2]string{"application/json", "{}"}, "", 415, "as text/csv, or"},
		{"another form", [2]string{"application/x-www-form-urlencoded", "file=a"}, "", 415, "unsupported_media_type"},
		{"another character set", [2]string{"text/csv; charset=utf-16", "a"}, "", 415, "unsupported_media_type"},
	} {
		res := ask(h, "POST", "/file"+c.query, c.sent[1], "Content-Type", c.sent[0])
		said, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(said), c.want) {
			t.Errorf("%s: got %d %s (%v), want %d and %s", c.name, res.StatusCode, said, err, c.status, c.want)
		}
	}
	// Nothing else takes a multipart form (details 31).
	sent := form("name", "a")
	if res := ask(Handler(config(), trial()), "POST", "/open", sent[1], "Content-Type", sent[0]); res.StatusCode != 415 {
		t.Errorf("a multipart form elsewhere: %d", res.StatusCode)
	}
}

func FuzzUpload(f *testing.F) {
	h := Handler(config(), uploads())
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=file\r\n\r\na\r\n--x--")
	f.Add("text/csv", "a,b\r\n")
	f.Add("multipart/form-data; boundary=\"\"", "--\r\n\r\n")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		if res := ask(h, "POST", "/file", body, "Content-Type", contentType); res.StatusCode >= 500 {
			t.Errorf("%q, %q: %d", contentType, body, res.StatusCode)
		}
	})
}

// Who may not send a file gets as much of our memory as for any other request, and the answers of details 40 in their order.
func TestUploadsOfStrangersAreNotKept(t *testing.T) {
	c := config()
	c.Principal = func(*http.Request) (string, bool) { return "", false }
	file := &Upload{Types: []string{"text/csv"}}
	h := Handler(c, Function{"uploads", []Route{
		{Method: "POST", Pattern: "/manage/file", Who: Administrator, Page: true, Upload: file, handle: func(*request) (reply, error) { return reply{}, nil }},
		{Method: "POST", Pattern: "/admin/file", Who: IAM, Upload: file, handle: func(*request) (reply, error) { return reply{}, nil }},
	}})
	for _, c := range []struct {
		path, contentType string
		long              int64
		status            int
	}{
		{"/manage/file", "text/csv", MaxFile, 401},
		{"/manage/file", "text/plain", MaxFile, 415},
		{"/manage/file", "text/csv", MaxFile + 1, 413},
		{"/manage/file", "text/plain", MaxFile + 1, 413},
		{"/admin/file", "text/csv", MaxFile, 403},
		{"/admin/file", "text/csv", MaxFile + 1, 413},
	} {
		r := httptest.NewRequest("POST", c.path, io.LimitReader(endless{}, c.long))
		r.Header.Set("Content-Type", c.contentType)
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if w.Code != c.status {
			t.Errorf("%d bytes of %s to %s: %d, want %d", c.long, c.contentType, c.path, w.Code, c.status)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%d bytes of %s to %s took %d bytes of memory", c.long, c.contentType, c.path, took)
		}
	}
}

// endless is a body that does not end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { clear(b); return len(b), nil }
