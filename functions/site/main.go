// Command site serves the routes of web.Site behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/web"
)

func main() { gateway.Start(web.Site(), withkeys.KMS) }
