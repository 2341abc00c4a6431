package web

// Admin is what administrators' programs do in any account that their IAM policy allows. JSON only.
func Admin() Function {
	routes := administration("/admin/accounts/{accountId}")
	for i := range routes {
		routes[i].Who, routes[i].form = IAM, nil
	}
	return Function{"admin", routes}
}
