package access_test

import (
	"fmt"
	"testing"

	"postern/shared/access/accesstest"
	"postern/shared/password"
)

// BenchmarkLogin is a login as it is in use, but for HTTP: what stands between it and the pure hash (shared/password) is ours.
func BenchmarkLogin(b *testing.B) {
	for _, clients := range []int{1, 2, 4} { // times GOMAXPROCS
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			p := accesstest.New(b)
			p.SetHash(password.DefaultParams)
			o := p.Operator("alice")
			b.SetParallelism(clients)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := login(p, o, o.Password); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
