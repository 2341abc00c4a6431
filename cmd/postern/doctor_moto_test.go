package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"postern/shared/store"
)

// Doctor on moto, which answers as AWS does, but for SES, of which it knows too little: infra/stand/with-moto.sh go test ./cmd/postern.
func TestDoctorOnMoto(t *testing.T) {
	endpoint := os.Getenv("POSTERN_MOTO_ENDPOINT")
	if endpoint == "" {
		t.Skip("POSTERN_MOTO_ENDPOINT is not set: run this by infra/stand/with-moto.sh")
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	cfg, _, err := credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	did := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	statuses := func() (list []string) {
		for _, f := range examineStack(t.Context(), "doctored", "login@doctored.example") {
			list = append(list, f.Check+" "+string(f.Status))
			t.Logf("%+v", f)
		}
		return list
	}
	if got := statuses(); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "table") && !strings.HasSuffix(s, " failed") }) ||
		!slices.Contains(got, "queues failed") || !slices.Contains(got, "mail identity failed") {
		t.Errorf("nothing is there, and doctor says %q", got)
	}

	key, err := kms.NewFromConfig(cfg).CreateKey(t.Context(), &kms.CreateKeyInput{})
	did(err)
	db := dynamodb.NewFromConfig(cfg)
	for _, table := range store.Tables() {
		name := "doctored-" + string(table) + "Table-1A2B"
		_, err := db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: dynamotypes.BillingModePayPerRequest, DeletionProtectionEnabled: aws.Bool(true),
			SSESpecification:     &dynamotypes.SSESpecification{Enabled: aws.Bool(true), SSEType: dynamotypes.SSETypeKms, KMSMasterKeyId: key.KeyMetadata.Arn},
			AttributeDefinitions: []dynamotypes.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: dynamotypes.ScalarAttributeTypeS}},
			KeySchema:            []dynamotypes.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: dynamotypes.KeyTypeHash}},
		})
		did(err)
		_, err = db.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{TableName: &name,
			PointInTimeRecoverySpecification: &dynamotypes.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)}})
		did(err)
		if slices.Contains(expiring, table) && table != store.Limits {
			_, err = db.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{TableName: &name,
				TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{AttributeName: aws.String("ttl"), Enabled: aws.Bool(true)}})
			did(err)
		}
	}
	queues := awssqs.NewFromConfig(cfg)
	for _, part := range queueNames {
		for _, kind := range []string{"Queue", "DeadLetters"} {
			made, err := queues.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("doctored-" + part + kind + "-1A2B")})
			did(err)
			if part+kind == "CodesDeadLetters" {
				_, err = queues.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String("given up")})
				did(err)
			}
		}
	}
	got := statuses()
	for _, want := range []string{"table Accounts ok", "table Codes ok", "table Limits failed", "key ok", "queue codes warning", "queue mail ok"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}
