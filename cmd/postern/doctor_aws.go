package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"postern/shared/store"
)

// expiring are the tables whose items DynamoDB removes when their time has come, as template.yaml says (a test compares them).
var expiring = []store.Table{store.Codes, store.Sessions, store.Limits, store.Outbox}

// examineStack looks at what a deployment on AWS consists of.
func examineStack(ctx context.Context, stack, mailFrom string) []finding {
	cfg, _, err := credentials(ctx)
	if err == nil && cfg.Region == "" {
		err = errors.New("no AWS region")
	}
	if err != nil {
		return []finding{{"AWS", statusFailed, err.Error(), "set AWS_PROFILE and AWS_REGION to the account and region of the deployment"}}
	}
	all, key := examineTables(ctx, dynamodb.NewFromConfig(cfg), stack)
	if key != "" {
		all = append(all, examineKey(ctx, kms.NewFromConfig(cfg), key))
	}
	all = append(all, examineQueues(ctx, awssqs.NewFromConfig(cfg), stack)...)
	return append(all, examineMail(ctx, sesv2.NewFromConfig(cfg), mailFrom)...)
}

// askedAWS is the finding of a request that AWS refused, or did not answer.
func askedAWS(check string, err error) finding {
	var refused smithy.APIError
	if errors.As(err, &refused) {
		return finding{check, statusFailed, refused.ErrorCode() + ": " + refused.ErrorMessage(), "use credentials that may read this in the AWS account of the deployment"}
	}
	return finding{check, statusFailed, err.Error(), "is AWS reachable from here, and the region right?"}
}

// ---- tables and key

// examineTables looks at every table, and gives the ARN of the key that they are encrypted with.
func examineTables(ctx context.Context, client *dynamodb.Client, stack string) (all []finding, key string) {
	var names []string
	for pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return []finding{askedAWS("tables", err)}, ""
		}
		names = append(names, page.TableNames...)
	}
	for _, t := range store.Tables() {
		check, prefix := "table "+string(t), stack+"-"+string(t)+"Table-"
		i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) })
		if i < 0 {
			all = append(all, finding{check, statusFailed, "there is none whose name begins with " + prefix,
				"is --stack the name of Postern's stack, and is this its region and account? Otherwise deploy again"})
			continue
		}
		f, encryptedBy := examineTable(ctx, client, check, names[i], slices.Contains(expiring, t))
		all = append(all, f)
		if key == "" {
			key = encryptedBy
		}
	}
	return all, key
}

func examineTable(ctx context.Context, client *dynamodb.Client, check, name string, expires bool) (f finding, key string) {
	described, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return askedAWS(check, err), ""
	}
	table := described.Table
	if table.TableStatus != dynamotypes.TableStatusActive {
		return finding{check, statusFailed, name + " is " + string(table.TableStatus), "wait until it is ACTIVE; if it was deleted, restore it (docs/operations.md)"}, ""
	}
	var lacks []string
	if sse := table.SSEDescription; sse != nil && sse.Status == dynamotypes.SSEStatusEnabled && sse.SSEType == dynamotypes.SSETypeKms {
		key = aws.ToString(sse.KMSMasterKeyArn)
	} else {
		lacks = append(lacks, "encryption with the deployment's key")
	}
	if !aws.ToBool(table.DeletionProtectionEnabled) {
		lacks = append(lacks, "deletion protection")
	}
	backups, err := client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		return askedAWS(check, err), key
	}
	if b := backups.ContinuousBackupsDescription; b == nil || b.PointInTimeRecoveryDescription == nil ||
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != dynamotypes.PointInTimeRecoveryStatusEnabled {
		lacks = append(lacks, "point-in-time recovery")
	}
	if expires {
		ttl, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		if err != nil {
			return askedAWS(check, err), key
		}
		if d := ttl.TimeToLiveDescription; d == nil || d.TimeToLiveStatus != dynamotypes.TimeToLiveStatusEnabled && d.TimeToLiveStatus != dynamotypes.TimeToLiveStatusEnabling {
			lacks = append(lacks, "time to live")
		}
	}
	if len(lacks) > 0 {
		return finding{check, statusFailed, name + " is without " + strings.Join(lacks, ", "), "deploy again (make deploy): template.yaml switches it on"}, key
	}
	return finding{check, statusOK, name + " is active and protected", ""}, key
}

func examineKey(ctx context.Context, client *kms.Client, arn string) finding {
	const check = "key"
	got, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		return askedAWS(check, err)
	}
	switch state := got.KeyMetadata.KeyState; state {
	case kmstypes.KeyStateEnabled:
		return finding{check, statusOK, arn + " is enabled", ""}
	case kmstypes.KeyStatePendingDeletion:
		return finding{check, statusFailed, arn + " is going to be deleted, and all that is kept with it", "at once: aws kms cancel-key-deletion --key-id " + arn + ", then aws kms enable-key"}
	default:
		return finding{check, statusFailed, arn + " is " + string(state), "aws kms enable-key --key-id " + arn}
	}
}

// ---- queues

func examineQueues(ctx context.Context, client *awssqs.Client, stack string) []finding {
	queues, err := findQueues(ctx, client, stack)
	if err != nil {
		return []finding{{"queues", statusFailed, err.Error(), "is --stack the name of Postern's stack, and may these credentials list its queues?"}}
	}
	var all []finding
	for _, q := range queues {
		check := "queue " + q.Name
		waiting, inWork, err := depth(ctx, client, q.url)
		if err != nil {
			all = append(all, askedAWS(check, err))
			continue
		}
		givenUp, _, err := depth(ctx, client, q.deadLetters)
		switch {
		case err != nil:
			all = append(all, askedAWS(check, err))
		case givenUp != "0":
			all = append(all, finding{check, statusWarning, givenUp + " messages were given up", "find out why in the worker's log, then: postern queue redrive --stack " + stack + " --queue " + q.Name})
		default:
			all = append(all, finding{check, statusOK, fmt.Sprintf("%s waiting, %s in work, none given up", waiting, inWork), ""})
		}
	}
	return all
}

// ---- mail

func examineMail(ctx context.Context, client *sesv2.Client, mailFrom string) []finding {
	all := []finding{examineSending(ctx, client)}
	if mailFrom == "" {
		return append(all, finding{"mail identity", statusWarning, "not looked at", "say with --mail-from which address mails come from"})
	}
	return append(all, examineIdentity(ctx, client, mailFrom))
}

// quotaOdd is the part of the daily quota of SES above which it is worth a word.
const quotaOdd = 0.8

func examineSending(ctx context.Context, client *sesv2.Client) finding {
	const check = "mail"
	a, err := client.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return askedAWS(check, err)
	}
	quota := sestypes.SendQuota{}
	if a.SendQuota != nil {
		quota = *a.SendQuota
	}
	sent := fmt.Sprintf("%.0f of %.0f mails sent in the last 24 hours", quota.SentLast24Hours, quota.Max24HourSend)
	switch {
	case !a.SendingEnabled:
		return finding{check, statusFailed, "SES does not send for this AWS account (" + aws.ToString(a.EnforcementStatus) + ")", "see the account's page in the console of SES: too many bounces or complaints stop it"}
	case !a.ProductionAccessEnabled:
		return finding{check, statusFailed, "SES is in its sandbox: it sends to verified addresses only", "ask for production access in the console of SES (docs/operations.md)"}
	case aws.ToString(a.EnforcementStatus) == "PROBATION":
		return finding{check, statusWarning, "SES is about to stop sending for this AWS account", "see the account's page in the console of SES, and postern mail list --status bounced"}
	case quota.Max24HourSend > 0 && quota.SentLast24Hours > quotaOdd*quota.Max24HourSend:
		return finding{check, statusWarning, sent, "ask for a larger quota in the console of SES"}
	}
	return finding{check, statusOK, "SES sends: " + sent, ""}
}

// examineIdentity looks at the address that mails come from, or its domain.
func examineIdentity(ctx context.Context, client *sesv2.Client, address string) finding {
	const check = "mail identity"
	_, domain, _ := strings.Cut(address, "@")
	for _, identity := range []string{address, domain} {
		got, err := client.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &identity})
		if missing := (*sestypes.NotFoundException)(nil); errors.As(err, &missing) {
			continue
		}
		switch {
		case err != nil:
			return askedAWS(check, err)
		case !got.VerifiedForSendingStatus:
			return finding{check, statusFailed, identity + " is not verified (" + string(got.VerificationStatus) + ")", "enter the DNS records that the console of SES shows for it, or open the link that it mailed"}
		case got.DkimAttributes == nil || got.DkimAttributes.Status != sestypes.DkimStatusSuccess:
			return finding{check, statusWarning, identity + " is verified, and its mails are not signed with DKIM", "enter the DKIM records that the console of SES shows: without them mails end as spam"}
		}
		return finding{check, statusOK, identity + " is verified, and its mails are signed with DKIM", ""}
	}
	return finding{check, statusFailed, "SES knows neither " + address + " nor its domain in this region", "verify one of them (docs/operations.md)"}
}
