package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"postern/infra/template"
)

// Functions are held to their roles in the template: every part of a request is looked at, and what no statement allows is denied
// and reported. Who is no function is not held.
func TestPermissions(t *testing.T) {
	tpl, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPermissions(tpl, map[string]string{
		"MailQueue": "http://sqs/mail", "MailQueue.Arn": "arn:mail", "CodesQueue": "http://sqs/codes", "SecretsKey.Arn": "arn:key", "SigningKey.Arn": "arn:sign",
		configurationSet: "set-1",
	}, mailFrom)
	if err != nil {
		t.Fatal(err)
	}
	h := p.hold(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.URL.Path+string(body))
	}))
	for _, c := range []struct {
		function, target, path, body string
		ok                           bool
	}{
		{"LoginFunction", "DynamoDB_20120810.GetItem", "/", `{"TableName":"Accounts"}`, true},
		{"LoginFunction", "DynamoDB_20120810.GetItem", "/", `{"TableName":"Tokens"}`, false},
		{"LoginFunction", "DynamoDB_20120810.Scan", "/", `{"TableName":"Accounts"}`, false},
		{"LoginFunction", "DynamoDB_20120810.BatchGetItem", "/", `{"RequestItems":{"Accounts":{},"Limits":{}}}`, true},
		{"LoginFunction", "DynamoDB_20120810.BatchGetItem", "/", `{"RequestItems":{"Accounts":{},"Tokens":{}}}`, false},
		{"LoginFunction", "DynamoDB_20120810.TransactWriteItems", "/", `{"TransactItems":[{"Put":{"TableName":"Notices"}},{"ConditionCheck":{"TableName":"Operators"}}]}`, true},
		{"LoginFunction", "DynamoDB_20120810.TransactWriteItems", "/", `{"TransactItems":[{"Put":{"TableName":"Sessions"}},{"Delete":{"TableName":"Notices"}}]}`, false},
		{"SweepOutboxFunction", "DynamoDB_20120810.Query", "/", `{"TableName":"Outbox","IndexName":"due"}`, true},
		{"SweepOutboxFunction", "DynamoDB_20120810.Query", "/", `{"TableName":"Outbox"}`, false},
		{"LoginFunction", "DynamoDB_20120810.GetItem", "/", `?`, false},
		{"LoginFunction", "AmazonSQS.SendMessage", "/", `{"QueueUrl":"http://sqs/mail"}`, true},
		{"LoginFunction", "AmazonSQS.SendMessage", "/", `{"QueueUrl":"http://sqs/codes"}`, false},
		{"LoginFunction", "AmazonSQS.PurgeQueue", "/", `{"QueueUrl":"http://sqs/mail"}`, false},
		{"LoginFunction", "TrentService.Decrypt", "/", `{"KeyId":"arn:key","EncryptionContext":{"postern":"keys"}}`, true},
		{"LoginFunction", "TrentService.Decrypt", "/", `{"KeyId":"arn:key"}`, false},
		{"LoginFunction", "TrentService.Sign", "/", `{"KeyId":"arn:sign"}`, false},
		{"SealNoticesFunction", "TrentService.Sign", "/", `{"KeyId":"arn:sign"}`, true},
		{"SealNoticesFunction", "TrentService.Decrypt", "/", `{"KeyId":"arn:key","EncryptionContext":{"postern":"keys"}}`, false},
		{"SendMailFunction", "", sendEmailPath, `{"FromEmailAddress":"\"Acme\" <` + mailFrom + `>","ConfigurationSetName":"set-1"}`, true},
		{"SendMailFunction", "", sendEmailPath, `{"FromEmailAddress":"other@stand.example","ConfigurationSetName":"set-1"}`, false},
		{"SendMailFunction", "", sendEmailPath, `{"FromEmailAddress":"` + mailFrom + `","ConfigurationSetName":"other"}`, false},
		{"LoginFunction", "", sendEmailPath, `{"FromEmailAddress":"` + mailFrom + `","ConfigurationSetName":"set-1"}`, false},
		{"LoginFunction", "", "/elsewhere", `{}`, false},
		{"NobodyFunction", "DynamoDB_20120810.GetItem", "/", `{"TableName":"Accounts"}`, false},
		{"", "DynamoDB_20120810.Scan", "/", `{"TableName":"Accounts"}`, true},
	} {
		path := c.path
		if c.function != "" {
			path = rolePath + c.function + c.path
		}
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(c.body))
		r.Header.Set("X-Amz-Target", c.target)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		passed := w.Code == http.StatusOK && w.Body.String() == c.path+c.body
		if denied := w.Code == http.StatusBadRequest && w.Header().Get("X-Amzn-Errortype") == "AccessDeniedException"; passed != c.ok || denied == c.ok {
			t.Errorf("%s %s%s %s: %d %s", c.function, c.target, c.path, c.body, w.Code, w.Body)
		}
	}
	denied, untouched := p.report()
	if want := "LoginFunction dynamodb:DeleteItem NoticesTable.Arn"; !slices.Contains(denied, want) {
		t.Errorf("reported as denied %q, want %s among them", denied, want)
	}
	if !slices.Contains(untouched, "AdminFunction SecretsKey.Arn") || slices.Contains(untouched, "LoginFunction NoticesTable.Arn") {
		t.Errorf("reported as untouched %q", untouched)
	}
}
