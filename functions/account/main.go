// Command account serves the routes of web.Account behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/web"
)

func main() { gateway.Start(web.Account()) }
