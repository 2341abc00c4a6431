package onaws

import (
	"io"
	"log/slog"
	"net/http"
	"time"
)

// clock is the time that a function goes by: that of its machine. Under `sam local`, which sets AWS_SAM_LOCAL, a stand may
// have one that tests move; it answers with the time, as RFC 3339, at the URL in POSTERN_STAND_CLOCK. Signatures of requests to
// AWS go by the machine's clock there too.
func clock(getenv func(string) string) func() time.Time {
	url := getenv("POSTERN_STAND_CLOCK")
	if url == "" || getenv("AWS_SAM_LOCAL") != "true" {
		return time.Now
	}
	client := &http.Client{Timeout: tryTimeout}
	return func() time.Time {
		at, err := ask(client, url)
		if err != nil {
			slog.Error("the stand's clock does not answer", "error", err)
			return time.Now()
		}
		return at
	}
}

func ask(client *http.Client, url string) (time.Time, error) {
	resp, err := client.Get(url)
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, string(text))
}
