// Command session serves the routes of web.Session behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/onaws/withkeys"
	"postern/shared/web"
)

func main() { gateway.Start(web.Session(), withkeys.KMS) }
