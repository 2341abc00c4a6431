package access_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/secret"
)

// Sequential store round trips (design.md "State"): what runs beside each other counts once. Every call to the store takes a
// millisecond of the bubble's time, and nothing else takes any.
func TestRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name string
		most int
		is   int // when above 0: exactly
		do   func(p *accesstest.Place, o *accesstest.Operator) error
	}{
		{"login by username", 3, 0, func(p *accesstest.Place, o *accesstest.Operator) error { return loginAs(p, o, o.Username, o.Password) }},
		{"login by email", 3, 0, func(p *accesstest.Place, o *accesstest.Operator) error { return loginAs(p, o, o.Email, o.Password) }},
		{"login from no known browser", 3, 0, func(p *accesstest.Place, o *accesstest.Operator) error {
			stranger := *o
			stranger.Client.Browser = secret.Text{}
			return loginAs(p, &stranger, o.Username, o.Password)
		}},
		{"refused login", 3, 3, func(p *accesstest.Place, o *accesstest.Operator) error {
			return refused(loginAs(p, o, o.Username, secret.New("wrong")))
		}},
		{"refused login from no known browser", 3, 3, func(p *accesstest.Place, o *accesstest.Operator) error {
			stranger := *o
			stranger.Client.Browser = secret.Text{}
			return refused(loginAs(p, &stranger, o.Username, secret.New("wrong")))
		}},
		{"unknown name", 3, 3, func(p *accesstest.Place, _ *accesstest.Operator) error {
			nobody := &accesstest.Operator{Client: access.Client{Address: netip.MustParseAddr("192.0.2.9")}}
			return refused(loginAs(p, nobody, "nobody", secret.New("wrong")))
		}},
		{"session check", 1, 1, func(p *accesstest.Place, o *accesstest.Operator) error {
			_, err := p.Service.Authenticate(p.T.Context(), o.Session)
			return err
		}},
		{"request of a reset", 2, 2, func(p *accesstest.Place, o *accesstest.Operator) error {
			return p.Service.RequestReset(p.T.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := accesstest.New(t)
				o := p.Operator("alice")
				p.Faults.Before(func(label string) {
					if strings.HasPrefix(label, "store.") {
						time.Sleep(time.Millisecond)
					}
				})
				start := time.Now()
				if err := c.do(p, o); err != nil {
					t.Fatal(err)
				}
				trips := int(time.Since(start) / time.Millisecond)
				if trips > c.most || c.is > 0 && trips != c.is {
					t.Errorf("%d sequential round trips, want %d at the most", trips, c.most)
				}
				t.Logf("%d sequential round trips", trips)
			})
		})
	}
}

func loginAs(p *accesstest.Place, o *accesstest.Operator, name string, password secret.Text) error {
	_, err := p.Service.Login(p.T.Context(), access.Login{AccountID: accesstest.Account, Login: name, Password: password, Client: o.Client})
	return err
}

func refused(err error) error {
	if errors.Is(err, access.ErrInvalidCredentials) {
		return nil
	}
	return errors.Join(errors.New("expected to be refused"), err)
}
