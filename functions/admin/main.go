// Command admin serves the routes of web.Admin behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/onaws/withqueues"
	"postern/shared/web"
)

func main() { gateway.Start(web.Admin(), withkeys.KMS, withqueues.SQS) }
