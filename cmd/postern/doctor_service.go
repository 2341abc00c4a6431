package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// A signature is good for five minutes each way (details 2): an offset of more than skewOdd is worth a word before that.
const (
	skewWrong = 5 * time.Minute
	skewOdd   = 30 * time.Second
)

// examineService looks at what a command needs to ask the service.
func (o *clientOptions) examineService(ctx context.Context, account string) []finding {
	address := examineEndpoint(o.endpoint)
	if address.Status == statusFailed {
		return []finding{address}
	}
	key := examineCredentials(ctx, o.endpoint)
	service, header := o.examineHealth(ctx)
	all := []finding{address, key, service}
	if header == nil {
		return all
	}
	all = append(all, examineClock(header, time.Now()))
	if service.Status == statusFailed || key.Status == statusFailed {
		return all
	}
	return append(all, o.examineSignature(ctx, account))
}

func examineEndpoint(endpoint string) finding {
	const check = "endpoint"
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return finding{check, statusFailed, fmt.Sprintf("%q is no address of a service", endpoint), "give --endpoint or $POSTERN_ENDPOINT as https://host[/stage]; on AWS it is the output Url of the stack"}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return finding{check, statusWarning, endpoint + " is not encrypted", "use https, unless the network in between is yours"}
	}
	return finding{check, statusOK, endpoint, ""}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// regionOf finds the region in an address of API Gateway.
var regionOf = regexp.MustCompile(`\.execute-api\.([a-z0-9-]+)\.amazonaws\.com`)

func examineCredentials(ctx context.Context, endpoint string) finding {
	const check = "credentials"
	cfg, key, err := credentials(ctx)
	if err != nil {
		return finding{check, statusFailed, err.Error(), "set AWS_PROFILE to a profile that there is, or sign in with aws sso login; for postern serve see postern --help"}
	}
	found := fmt.Sprintf("access key %s, from %s", key.AccessKeyID, key.Source)
	m := regionOf.FindStringSubmatch(endpoint)
	switch {
	case m != nil && cfg.Region != m[1]:
		return finding{check, statusFailed, fmt.Sprintf("%s, for region %q; the service is in %s", found, cfg.Region, m[1]), "set AWS_REGION=" + m[1]}
	case cfg.Region == "":
		return finding{check, statusOK, found + ", no region: " + localRegion + " is used, right for postern serve", ""}
	}
	return finding{check, statusOK, found + ", for region " + cfg.Region, ""}
}

// healthWait is how long a service that is well takes to say so, at the most.
const healthWait = 10 * time.Second

// examineHealth asks whether the service is well. header is nil if nothing was answered.
func (o *clientOptions) examineHealth(ctx context.Context) (f finding, header http.Header) {
	const check = "service"
	ctx, done := context.WithTimeout(ctx, healthWait)
	defer done()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(o.endpoint, "/")+"/health", nil)
	if err != nil {
		return finding{check, statusFailed, err.Error(), "give --endpoint as https://host[/stage]"}, nil
	}
	r.Header.Set("Accept", "application/json")
	begun := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return finding{check, statusFailed, "it cannot be reached: " + errors.Unwrap(err).Error(), "is the address right, does the server run, is a network, a proxy or a firewall in between?"}, nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var health struct{ Status string }
	switch {
	case err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(raw, &health) == nil && health.Status == "ok":
		return finding{check, statusOK, fmt.Sprintf("it is well, and answered in %d ms", time.Since(begun).Milliseconds()), ""}, resp.Header
	case resp.StatusCode >= 500:
		return finding{check, statusFailed, "it answered " + resp.Status, "on AWS look at the function's log and the alarms (docs/operations.md); on one machine at what postern serve says"}, resp.Header
	}
	return finding{check, statusFailed, fmt.Sprintf("it answered %s to /health, and not as Postern does", resp.Status), "is the endpoint right? On AWS without a domain of your own the stage belongs to it: https://….amazonaws.com/live"}, resp.Header
}

// examineClock compares the service's clock, in whole seconds, with now.
func examineClock(header http.Header, now time.Time) finding {
	const check = "clock"
	at, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return finding{check, statusWarning, "the service does not tell the time", "see for yourself that this machine's clock is right: signatures are good for five minutes"}
	}
	skew := now.Sub(at).Round(time.Second)
	found := fmt.Sprintf("this machine is %s behind the service", -skew)
	if skew >= 0 {
		found = fmt.Sprintf("this machine is %s ahead of the service", skew)
	}
	switch {
	case skew.Abs() >= skewWrong:
		return finding{check, statusFailed, found + ", and signatures are good for " + skewWrong.String(), "set the clock of this machine, with NTP"}
	case skew.Abs() >= skewOdd:
		return finding{check, statusWarning, found, "set the clock of this machine, with NTP: signatures are good for " + skewWrong.String()}
	}
	return finding{check, statusOK, found, ""}
}

// examineSignature asks something that changes nothing.
func (o *clientOptions) examineSignature(ctx context.Context, account string) finding {
	const check = "signed request"
	path := "/admin/accounts?limit=1"
	if account != "" {
		path, _ = accountPath(account)
	}
	err := o.ask(ctx, "GET", path, nil, nil)
	p := (*problem)(nil)
	switch {
	case err == nil:
		return finding{check, statusOK, "accepted", ""}
	case !errors.As(err, &p):
		return finding{check, statusFailed, err.Error(), "try again; if it stays so, is this address the administrators' door?"}
	case p.Code == "not_found":
		return finding{check, statusFailed, "accepted, but there is no account " + account, "postern accounts list shows those that there are"}
	case p.Code == "forbidden":
		return finding{check, statusFailed, fmt.Sprintf("refused (request %s)", p.RequestID),
			"use credentials of the AWS account of the deployment whose IAM policy allows it (infra/iam), with --account if it allows one account only; for postern serve those of admin-credentials in its folder"}
	}
	return finding{check, statusFailed, p.Detail + " (request " + p.RequestID + ")", "try again in a while, then look at the service's log for the request"}
}
