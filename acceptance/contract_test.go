package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

func decode(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v\n%.300s", err, raw)
	}
	return m
}

// contract holds docs/openapi.yaml against every answer that the tests see, and remembers which operations they asked.
var contract contractCheck

type contractCheck struct {
	load   sync.Once
	router routers.Router
	doc    *openapi3.T
	err    error

	mu   sync.Mutex
	seen map[string]bool
}

func (c *contractCheck) open() error {
	c.load.Do(func() {
		c.seen = map[string]bool{}
		if c.doc, c.err = openapi3.NewLoader().LoadFromFile("../docs/openapi.yaml"); c.err != nil {
			return
		}
		if c.err = c.doc.Validate(context.Background()); c.err != nil {
			return
		}
		c.router, c.err = gorillamux.NewRouter(c.doc)
	})
	return c.err
}

// check says what of an answer the contract does not say.
func (c *contractCheck) check(t testing.TB, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	if err := c.open(); err != nil {
		t.Fatalf("docs/openapi.yaml: %v", err)
	}
	if strings.HasPrefix(r.URL.Path, "/_local/") || r.Method == http.MethodHead {
		return
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		if !slices.Contains([]int{401, 403, 404, 405}, resp.StatusCode) { // what forms send stands nowhere of its own
			t.Errorf("%s %s: %d, and docs/openapi.yaml knows no such request", r.Method, r.URL.Path, resp.StatusCode)
		}
		return
	}
	c.mu.Lock()
	c.seen[route.Operation.OperationID] = true
	c.mu.Unlock()
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		t.Errorf("%s %s: %d is not as docs/openapi.yaml says: %v\n%.400s", r.Method, r.URL.Path, resp.StatusCode, err, body)
	}
}

// checkContract fails the run if there is an operation that no test asked.
func checkContract() int {
	if slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.run=") }) || contract.open() != nil {
		return 0
	}
	code := 0
	for path, item := range contract.doc.Paths.Map() {
		for method, o := range item.Operations() {
			if !contract.seen[o.OperationID] {
				fmt.Fprintf(os.Stderr, "acceptance: no test asks %s %s\n", method, path)
				code = 1
			}
		}
	}
	return code
}

func init() { openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.FileBodyDecoder) }
