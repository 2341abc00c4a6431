package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/shared/access"
)

// MaxFile is how long an imported file may be, in bytes (api.md: payload_too_large). A body that holds one in a multipart form
// may be longer by MaxBody.
const MaxFile = 5 << 20

// MaxRequest is the longest body that any route takes.
const MaxRequest = MaxFile + MaxBody

// Upload says that a route takes a file (details 31): as the whole body, of one of Types, or as the field "file" of a
// multipart form, as browsers send it. The route's Body lists what else stands in such a form.
type Upload struct {
	Types []string // media types of the file when it is the whole body: "text/csv"
}

const (
	multipartForm = "multipart/form-data"
	fileField     = "file"
	maxWrongParts = 20 // a form with more is no form of ours, and is read no further
)

// upload is a file that was sent. Type is the media type of the body, "" in a multipart form: what browsers say of files
// depends on what is installed, and tells nothing.
type upload struct {
	Type    string
	Content []byte
}

// read takes the file, and what stands beside it, out of a body.
func (u *Upload) read(h http.Header, body []byte, fields []Field) (upload, values, []access.FieldError) {
	name, params, _ := mime.ParseMediaType(h.Get("Content-Type")) // checked before
	if name != multipartForm {
		if len(body) == 0 {
			return upload{}, newValues(), []access.FieldError{fieldError(fileField, "missing")}
		}
		return upload{name, body}, newValues(), nil
	}
	file, v, bad := readMultipart(multipart.NewReader(bytes.NewReader(body), params["boundary"]), fields)
	if len(file.Content) == 0 && len(bad) == 0 {
		bad = append(bad, fieldError(fileField, "missing"))
	}
	return file, v, append(bad, missingBut(v, fields, bad)...)
}

// readMultipart reads a multipart form (RFC 7578) with one file. As in other forms no name comes twice, but for checkboxes.
func readMultipart(m *multipart.Reader, fields []Field) (upload, values, []access.FieldError) {
	v, file, seen := newValues(), upload{}, map[string]bool{}
	var bad []access.FieldError
	for {
		part, err := m.NextRawPart()
		if errors.Is(err, io.EOF) {
			return file, v, bad
		}
		if err != nil || len(bad) > maxWrongParts {
			return file, v, append(bad, fieldError("", "malformed"))
		}
		name := part.FormName()
		content, err := io.ReadAll(part)
		if err != nil {
			return file, v, append(bad, fieldError(shown(name), "malformed"))
		}
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		switch {
		case seen[name] && (i < 0 || fields[i].Type != Bool):
			bad = append(bad, fieldError(shown(name), "duplicate"))
		case name == fileField:
			file.Content = content
		case i < 0:
			bad = append(bad, fieldError(shown(strings.ToValidUTF8(name, "\uFFFD")), "unknown_field"))
		case !utf8.Valid(content):
			bad = append(bad, fieldError(name, "not_utf8"))
		default:
			bad = append(bad, v.put(fields[i], string(content))...)
		}
		seen[name] = true
	}
}

// accepts reports whether a file may be sent as this. Its size is limited as that of all bodies is.
func (u *Upload) accepts(h http.Header) error {
	name, params, err := soleMediaType(h)
	if err == nil && (name == multipartForm && params["boundary"] != "" || slices.Contains(u.Types, name)) {
		return nil
	}
	return &fileTypeError{u.Types}
}

// fileTypeError: a route takes files of these media types, and another one came.
type fileTypeError struct{ types []string }

func (e *fileTypeError) Error() string { return "no file of " + strings.Join(e.types, ", ") }
func (e *fileTypeError) Unwrap() error { return errMediaType }

// limit is how long a body with those headers may be.
func (u *Upload) limit(h http.Header) int64 {
	if u == nil {
		return MaxBody
	}
	if name, _, err := soleMediaType(h); err == nil && name == multipartForm {
		return MaxRequest
	}
	return MaxFile
}
