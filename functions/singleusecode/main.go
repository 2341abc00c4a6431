// Command singleusecode serves the routes of web.SingleUseCode behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/web"
)

func main() { gateway.Start(web.SingleUseCode()) }
