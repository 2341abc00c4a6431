// Command admin serves the routes of web.Admin behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/web"
)

func main() { gateway.Start(web.Admin()) }
