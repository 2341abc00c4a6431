// Command manage serves the routes of web.Manage behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.Manage(), withkeys.KMS, withqueues.SQS) }
