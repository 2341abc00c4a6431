// Command totpsetup serves the routes of web.TOTPSetup behind API Gateway.
package main

import (
	"postern/shared/onaws/gateway"
	"postern/shared/web"
)

func main() { gateway.Start(web.TOTPSetup()) }
