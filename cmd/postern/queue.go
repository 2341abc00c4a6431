package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"postern/shared/queue/sqs"
)

// queueNames gives the queues by what they are called here, and by how their names on AWS go on behind that of the stack.
var queueNames = map[string]string{"mail": "Mail", "codes": "Codes", "mailevents": "MailEvents"}

// deployedQueue is a queue of a deployment, with its dead-letter queue.
type deployedQueue struct {
	Name    string `json:"queue"`
	Waiting string `json:"waiting"` // messages, about
	InWork  string `json:"inWork"`
	GivenUp string `json:"givenUp"` // in the dead-letter queue

	url, deadLetters string
}

// findQueues asks SQS for the queues of a stack, sorted by name.
func findQueues(ctx context.Context, client *awssqs.Client, stack string) ([]deployedQueue, error) {
	var all []deployedQueue
	for name, part := range queueNames {
		q := deployedQueue{Name: name}
		var err error
		if q.url, err = findQueue(ctx, client, stack+"-"+part+"Queue-"); err != nil {
			return nil, err
		}
		if q.deadLetters, err = findQueue(ctx, client, stack+"-"+part+"DeadLetters-"); err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b deployedQueue) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func findQueue(ctx context.Context, client *awssqs.Client, prefix string) (string, error) {
	got, err := client.ListQueues(ctx, &awssqs.ListQueuesInput{QueueNamePrefix: &prefix})
	if err != nil {
		return "", &exitError{exitFailed, fmt.Errorf("list queues: %w", err)}
	}
	if len(got.QueueUrls) != 1 {
		return "", &exitError{exitConfiguration, fmt.Errorf(
			"%d queues have names that begin with %s: is --stack the name of Postern's stack, and is this its region and account?", len(got.QueueUrls), prefix)}
	}
	return got.QueueUrls[0], nil
}

// queueClient makes the client of SQS from the caller's AWS configuration.
func queueClient(ctx context.Context, stack string) (*awssqs.Client, error) {
	if stack == "" {
		return nil, &exitError{exitUsage, errors.New("say which deployment, with --stack: the name of its CloudFormation stack")}
	}
	cfg, _, err := credentials(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, &exitError{exitConfiguration, errors.New("no AWS region: set AWS_REGION, or region in the profile")}
	}
	return awssqs.NewFromConfig(cfg), nil
}

func newQueueList(o *clientOptions) *cobra.Command {
	var stack string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the queues of a deployment on AWS, and how many messages wait or were given up",
		Example: `  postern queue list --stack postern`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			client, err := queueClient(cmd.Context(), stack)
			if err != nil {
				return err
			}
			all, err := findQueues(cmd.Context(), client, stack)
			if err != nil {
				return err
			}
			var rows [][]string
			for i := range all {
				q := &all[i]
				if q.Waiting, q.InWork, err = depth(cmd.Context(), client, q.url); err != nil {
					return err
				}
				if q.GivenUp, _, err = depth(cmd.Context(), client, q.deadLetters); err != nil {
					return err
				}
				rows = append(rows, []string{q.Name, q.Waiting, q.InWork, q.GivenUp})
			}
			return printRows(cmd.OutOrStdout(), o.output, all, []string{"QUEUE", "WAITING", "IN WORK", "GIVEN UP"}, rows)
		},
	}
	cmd.Flags().StringVar(&stack, "stack", "", "name of the CloudFormation stack")
	return cmd
}

// depth is about how many messages wait in a queue, and how many are being worked on.
func depth(ctx context.Context, client *awssqs.Client, url string) (waiting, inWork string, err error) {
	got, err := client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		},
	})
	if err != nil {
		return "", "", &exitError{exitFailed, fmt.Errorf("look at queue: %w", err)}
	}
	return got.Attributes["ApproximateNumberOfMessages"], got.Attributes["ApproximateNumberOfMessagesNotVisible"], nil
}

func newQueueRedrive(*clientOptions) *cobra.Command {
	var stack, name string
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Bring back what was given up: from a dead-letter queue to its queue",
		Long: `Bring back what was given up: move the messages of a dead-letter queue back to the queue that they came from.

First mend what made them fail: what fails again is given up again. Doing it twice is harmless: a mail that went out is not sent again, and one
whose code has expired is dropped. Cut off in between, it loses nothing.`,
		Example: `  postern queue redrive --stack postern --queue mail`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if queueNames[name] == "" {
				return &exitError{exitUsage, errors.New("say which queue, with --queue: mail, codes or mailevents")}
			}
			client, err := queueClient(cmd.Context(), stack)
			if err != nil {
				return err
			}
			all, err := findQueues(cmd.Context(), client, stack)
			if err != nil {
				return err
			}
			q := all[slices.IndexFunc(all, func(q deployedQueue) bool { return q.Name == name })]
			moved, err := sqs.Redrive(cmd.Context(), client, q.deadLetters, q.url)
			fmt.Fprintf(cmd.OutOrStdout(), "%d messages are in the queue %s again.\n", moved, name)
			if err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&stack, "stack", "", "name of the CloudFormation stack")
	cmd.Flags().StringVar(&name, "queue", "", "mail, codes or mailevents")
	return cmd
}
