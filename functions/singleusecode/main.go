// Command singleusecode serves the routes of web.SingleUseCode behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.SingleUseCode(), withkeys.KMS, withqueues.SQS) }
