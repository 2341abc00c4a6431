package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/queue"
	"postern/shared/secret"
)

// A simulation: operators, strangers and administrators do whatever comes to their minds, the clock jumps, mails and requests are
// delivered twice or late, and now and then a call that leaves the process fails, loses its answer, or is the last that is made.
// After every step everything that is stored fits together, and no step ever ends in anything but an answer or "try again".
func TestSimulation(t *testing.T) {
	base := accesstest.New(t)
	base.SetPolicy(func(p *access.Policy) { p.Captcha, p.MaxAgeDays = access.CaptchaOff, 90 }, false)
	boss := base.Operator("boss", accesstest.Administrator)
	base.Operator("deputy", accesstest.Administrator)
	people := []*accesstest.Operator{base.Operator("alice"), base.Operator("bob", accesstest.WithTOTP), boss}
	if _, err := base.Service.ImportTokens(t.Context(), access.System, accesstest.Account, access.ImportTokens{Content: simulatedTokens()}); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		p := base.Copy(t)
		// What each person knows in this world.
		know := make([]accesstest.Operator, len(people))
		for i, o := range people {
			know[i] = *o
		}
		ctx := t.Context()
		passphrases := 0
		acts := map[string]func(o *accesstest.Operator) error{
			"login": func(o *accesstest.Operator) error {
				in, err := p.Service.Login(ctx, access.Login{AccountID: accesstest.Account, Login: o.Username, Password: o.Password, Client: o.Client})
				if err == nil && in.Next == access.NextTOTP {
					in, err = p.Service.LoginTOTP(ctx, access.LoginTOTP{Pending: in.PendingToken, Code: p.TOTP(o), Client: o.Client})
				}
				if err == nil {
					o.Session = in.SessionToken
				}
				return err
			},
			"guess": func(o *accesstest.Operator) error {
				return login(p, &accesstest.Operator{Username: o.Username, Client: stranger(rapid.IntRange(0, 3).Draw(rt, "stranger"))}, secret.New("00000-00000"))
			},
			"request reset": func(o *accesstest.Operator) error {
				return p.Service.RequestReset(ctx, access.RequestCode{AccountID: accesstest.Account, Login: o.Email, Client: o.Client})
			},
			"request code": func(o *accesstest.Operator) error {
				return p.Service.RequestSingleUseCode(ctx, access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client})
			},
			"use the last mail": func(o *accesstest.Operator) error {
				all := p.Mails(o.Email)
				if len(all) == 0 {
					return nil
				}
				m := all[len(all)-1]
				switch m.Subject {
				case "Choose a new password":
					done, err := p.Service.ConfirmReset(ctx, access.ConfirmReset{Token: p.Link(m), TOTP: p.TOTP(o), Client: o.Client})
					if err != nil {
						return err
					}
					passphrases++
					next := secret.New(fmt.Sprint("simulated passphrase number ", passphrases))
					_, err = p.Service.NewPassword(ctx, access.NewPassword{Replacement: done.Replacement, Password: next, Client: o.Client})
					if err == nil {
						o.Password = next
					}
					return err
				case "Your single-use code":
					return login(p, o, p.Code(m))
				}
				return nil
			},
			"change password": func(o *accesstest.Operator) error {
				id, err := p.Service.Authenticate(ctx, o.Session)
				if err != nil {
					return err
				}
				passphrases++
				next := secret.New(fmt.Sprint("simulated passphrase number ", passphrases))
				token, err := p.Service.ChangePassword(ctx, id, access.ChangePassword{Current: o.Password, New: next}, o.Client)
				if err == nil {
					o.Password, o.Session = next, token
				}
				return err
			},
			"set up TOTP": func(o *accesstest.Operator) error {
				id, err := p.Service.Authenticate(ctx, o.Session)
				if err != nil {
					return err
				}
				setup, err := p.Service.SetUpTOTP(ctx, id, access.SetUpTOTP{Password: o.Password, Code: p.TOTP(o)}, o.Client)
				if err != nil {
					return err
				}
				fresh := &accesstest.Operator{TOTPSecret: accesstest.Secret(t, setup.Secret)}
				done, err := p.Service.ConfirmTOTP(ctx, id, p.TOTP(fresh), o.Client)
				if err == nil {
					o.TOTPSecret, o.Session = fresh.TOTPSecret, done.SessionToken
				}
				return err
			},
			"log out": func(o *accesstest.Operator) error {
				return p.Service.Logout(ctx, access.Logout{Session: o.Session})
			},
			"end other sessions": func(o *accesstest.Operator) error {
				id, err := p.Service.Authenticate(ctx, o.Session)
				if err != nil {
					return err
				}
				return p.Service.EndOtherSessions(ctx, id)
			},
			"disable TOTP": func(o *accesstest.Operator) error {
				return p.Service.DisableTOTP(ctx, access.Actor{Name: "operator:" + boss.ID, OperatorID: boss.ID}, accesstest.Account, o.ID, "")
			},
			"import tokens": func(*accesstest.Operator) error {
				_, err := p.Service.ImportTokens(ctx, access.System, accesstest.Account, access.ImportTokens{Content: simulatedTokens(), DryRun: rapid.Bool().Draw(rt, "dry")})
				return err
			},
			"assign a token": func(o *accesstest.Operator) error {
				serial := rapid.SampledFrom([]string{"T-1", "T-2"}).Draw(rt, "serial")
				holder := *o
				holder.TOTPSecret = []byte("the secret of token " + serial)
				c := access.AssignToken{Serial: serial}
				if rapid.Bool().Draw(rt, "with a code") {
					c.Code = p.TOTP(&holder)
				}
				_, err := p.Service.AssignToken(ctx, access.Actor{Name: "operator:" + boss.ID, OperatorID: boss.ID}, accesstest.Account, o.ID, c)
				if err == nil {
					o.TOTPSecret = holder.TOTPSecret
				}
				return err
			},
			"delete a token": func(*accesstest.Operator) error {
				return p.Service.DeleteToken(ctx, access.System, accesstest.Account, rapid.SampledFrom([]string{"T-1", "T-2"}).Draw(rt, "serial"))
			},
			"reset by administrator": func(o *accesstest.Operator) error {
				made, err := p.Service.ResetOperatorPassword(ctx, access.Actor{Name: "operator:" + boss.ID, OperatorID: boss.ID}, accesstest.Account, o.ID)
				if err == nil {
					o.Password = made.Password
				}
				return err
			},
			"promote, demote, disable": func(o *accesstest.Operator) error {
				role := rapid.SampledFrom([]access.Role{access.RoleOperator, access.RoleAdministrator}).Draw(rt, "role")
				state := rapid.SampledFrom([]access.OperatorState{access.StateActive, access.StateDisabled}).Draw(rt, "state")
				_, err := p.Service.UpdateOperator(ctx, access.System, accesstest.Account, o.ID, access.UpdateOperator{Role: &role, State: &state})
				return err
			},
			"expiry sweep": func(*accesstest.Operator) error { return p.Service.ExpirePasswords(ctx) },
			"seal": func(*accesstest.Operator) error {
				_, err := p.Service.SealNotices(ctx, rapid.IntRange(0, 5).Draw(rt, "limit"))
				return err
			},
			"verify": func(*accesstest.Operator) error {
				_, err := p.Service.VerifyNotices(ctx, accesstest.Account)
				return err
			},
			"outbox sweep": func(*accesstest.Operator) error { return p.Service.SweepOutbox(ctx) },
			"deliver twice": func(*accesstest.Operator) error {
				for _, m := range p.Queued(queue.Mail) {
					if err := p.Mailer.SendMail(ctx, m.AccountID, m.ID); err != nil {
						return err
					}
				}
				for _, m := range p.Queued(queue.Codes) {
					if err := p.Service.IssueCode(ctx, m.AccountID, m.ID); err != nil {
						return err
					}
				}
				return nil
			},
		}
		names := make([]string, 0, len(acts))
		for name := range acts {
			names = append(names, name)
		}
		slices.Sort(names)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "act")
			o := &know[rapid.IntRange(0, len(know)-1).Draw(rt, "who")]
			fault := accesstest.Mode("")
			p.Faults.Heal()
			if rapid.IntRange(0, 3).Draw(rt, "fault") == 0 {
				fault = rapid.SampledFrom(accesstest.Modes()).Draw(rt, "mode")
				p.Faults.FailNth(rapid.IntRange(1, 8).Draw(rt, "call"), fault)
			}
			err := acts[name](o)
			p.Faults.Heal()
			if !simulated(err, fault != "") {
				rt.Fatalf("%s of %s (%s): %v", name, o.Username, fault, err)
			}
			switch fault {
			case accesstest.KilledBefore, accesstest.KilledAfter:
				p.Restart()
			}
			if rapid.Bool().Draw(rt, "workers are quick") {
				p.Work()
			}
			p.Advance(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 700, 3600, 86400 * 20}).Draw(rt, "seconds")) * time.Second)
			for _, v := range access.Violations(ctx, p.Service, p.Store, accesstest.Account) {
				rt.Fatalf("after %s of %s (%s): %s", name, o.Username, fault, v)
			}
		}
	})
}

// simulatedTokens is a file of two hardware tokens, which show what apps do.
func simulatedTokens() []byte {
	content := "serial,secret,encoding\n"
	for _, serial := range []string{"T-1", "T-2"} {
		content += fmt.Sprintf("%s,%x,hex\n", serial, "the secret of token "+serial)
	}
	return []byte(content)
}

// simulated reports whether a step may end so: an answer, or "try again" where something failed.
func simulated(err error, faulty bool) bool {
	var policy *access.PolicyError
	var change *access.ChangeRequiredError
	return acceptable(err) || errors.As(err, &policy) || errors.As(err, &change) || errors.Is(err, access.ErrForbidden) ||
		faulty && (errors.Is(err, access.ErrUnavailable) || errors.Is(err, accesstest.ErrKilled))
}
