package main

import (
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/infra/template"
	"postern/shared/store"
)

// What doctor expects of tables is what the template makes.
func TestDoctorKnowsTheTemplate(t *testing.T) {
	tables, err := template.Tables("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if got, want := slices.Contains(expiring, store.Table(table.Name)), table.TTL != ""; got != want {
			t.Errorf("doctor expects that items of %s expire: %t; the template: %t", table.Name, got, want)
		}
		if len(table.Unprotected) > 0 {
			t.Errorf("doctor expects of %s what the template does not give it: %v", table.Name, table.Unprotected)
		}
	}
}

// fakeAWS answers as DynamoDB, KMS, SQS and SES do about a deployment whose stack is called "postern", but for its faults.
type fakeAWS struct{ faults []string }

func (f fakeAWS) has(fault string) bool { return slices.Contains(f.faults, fault) }

// either gives bad with a fault, and good without it.
func (f fakeAWS) either(fault string, bad, good any) any {
	if f.has(fault) {
		return bad
	}
	return good
}

const fakeKey = "arn:aws:kms:eu-central-1:111122223333:key/6f1c"

func (f fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TableName, ExclusiveStartTableName, QueueNamePrefix, QueueUrl string
	}
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &in)
	_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if target == "" {
		target = r.URL.Path
	}
	type m = map[string]any
	answer := func(status int, out any) {
		body, _ := json.Marshal(out)
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)) // DynamoDB's clients check it
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
	refuse := func(kind string) {
		w.Header().Set("X-Amzn-Errortype", kind)
		answer(http.StatusBadRequest, m{"__type": kind, "message": "no"})
	}
	if f.has("denied") {
		refuse("AccessDeniedException")
		return
	}
	var out any
	switch target {
	case "ListTables":
		out = m{"TableNames": []string{"another"}, "LastEvaluatedTableName": "another"}
		if in.ExclusiveStartTableName != "" {
			var names []string
			for _, t := range store.Tables() {
				if t != store.Codes || !f.has("no-table") {
					names = append(names, "postern-"+string(t)+"Table-1A2B")
				}
			}
			out = m{"TableNames": names}
		}
	case "DescribeTable":
		table := m{"TableName": in.TableName, "TableStatus": f.either("archived", "ARCHIVED", "ACTIVE"), "DeletionProtectionEnabled": !f.has("unprotected")}
		if !f.has("unprotected") {
			table["SSEDescription"] = m{"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": fakeKey}
		}
		out = m{"Table": table}
	case "DescribeContinuousBackups":
		out = m{"ContinuousBackupsDescription": m{"ContinuousBackupsStatus": "ENABLED",
			"PointInTimeRecoveryDescription": m{"PointInTimeRecoveryStatus": f.either("unprotected", "DISABLED", "ENABLED")}}}
	case "DescribeTimeToLive":
		out = m{"TimeToLiveDescription": m{"TimeToLiveStatus": f.either("unprotected", "DISABLED", "ENABLED"), "AttributeName": "ttl"}}
	case "DescribeKey":
		out = m{"KeyMetadata": m{"KeyId": fakeKey, "KeyState": f.either("key-deleted", "PendingDeletion", f.either("key-disabled", "Disabled", "Enabled"))}}
	case "ListQueues":
		out = m{"QueueUrls": f.either("no-queue", []string{}, []string{"http://" + r.Host + "/" + in.QueueNamePrefix + "1A2B"})}
	case "GetQueueAttributes":
		waiting := "0"
		if f.has("given-up") && strings.Contains(in.QueueUrl, "-MailDeadLetters-") {
			waiting = "3"
		}
		out = m{"Attributes": m{"ApproximateNumberOfMessages": waiting, "ApproximateNumberOfMessagesNotVisible": "0"}}
	case "/v2/email/account":
		out = m{"SendingEnabled": !f.has("stopped"), "ProductionAccessEnabled": !f.has("sandbox"), "EnforcementStatus": f.either("probation", "PROBATION", "HEALTHY"),
			"SendQuota": m{"Max24HourSend": 50000, "SentLast24Hours": f.either("quota", 49000, 17), "MaxSendRate": 14}}
	case "/v2/email/identities/example.com":
		out = m{"VerifiedForSendingStatus": !f.has("unverified"), "VerificationStatus": f.either("unverified", "PENDING", "SUCCESS"),
			"DkimAttributes": m{"Status": f.either("no-dkim", "PENDING", "SUCCESS")}}
	default:
		refuse("NotFoundException")
		return
	}
	answer(http.StatusOK, out)
}

// startAWS starts a fakeAWS with these faults, and sets what makes the SDK ask it.
func startAWS(ts *testscript.TestScript, neg bool, faults []string) {
	if neg {
		ts.Fatalf("usage: aws FAULT…")
	}
	s := httptest.NewServer(fakeAWS{faults})
	ts.Defer(s.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": s.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_PROFILE": "",
	} {
		ts.Setenv(name, value)
	}
}
