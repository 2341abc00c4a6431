package acceptance

import (
	"encoding/json"
	"net/http"
	"testing"
)

func decode(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v\n%.300s", err, raw)
	}
	return m
}

var contract contractCheck

type contractCheck struct{}

func (contractCheck) check(testing.TB, *http.Request, *http.Response, []byte) {}

func checkContract() int { return 0 }
