package access_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/mail"
	"postern/shared/queue"
	"postern/shared/secret"
)

// A scenario leads up to one use case. prepare builds what it needs, and gives the request as a client makes it, and makes it
// again when no answer came. It is run on copies of the place, so it must not remember anything of a run.
type scenario struct {
	method  string // of Service or Mailer
	variant string
	commits int // how many commits a run of it makes when nothing goes wrong
	prepare func(p *accesstest.Place) func(p *accesstest.Place) error
}

func (s scenario) name() string { return strings.TrimSuffix(s.method+"/"+s.variant, "/") }

// scenarios has every use case; TestEveryUseCaseIsInTheCrashMatrix fails for one that is missing.
var scenarios = []scenario{
	{"Login", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error { return login(p, o, o.Password) }
	}},
	{"Login", "refused", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error { return login(p, o, secret.New("not the password")) }
	}},
	{"Login", "by code", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		code := p.Code(p.RequestSingleUseCode(o))
		return func(p *accesstest.Place) error { return login(p, o, code) }
	}},
	{"Login", "from a new browser", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		o.Client.Browser = secret.Text{}
		return func(p *accesstest.Place) error { return login(p, o, o.Password) }
	}},
	{"LoginTOTP", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.WithTOTP)
		pending := firstStep(p, o)
		return func(p *accesstest.Place) error {
			_, err := p.Service.LoginTOTP(p.T.Context(), access.LoginTOTP{Pending: pending, Code: p.TOTP(o), Client: o.Client})
			return err
		}
	}},
	{"LoginTOTP", "the tenth wrong code", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.WithTOTP)
		wrong := func(p *accesstest.Place, pending secret.Text) error {
			_, err := p.Service.LoginTOTP(p.T.Context(), access.LoginTOTP{Pending: pending, Code: secret.New("12345"), Client: o.Client})
			return err
		}
		for range 9 {
			if err := wrong(p, firstStep(p, o)); !errors.Is(err, access.ErrInvalidCode) {
				p.T.Fatalf("wrong code: got %v, want %v", err, access.ErrInvalidCode)
			}
			p.Advance(2 * time.Minute)
		}
		pending := firstStep(p, o)
		return func(p *accesstest.Place) error { return wrong(p, pending) }
	}},
	{"Logout", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error {
			return p.Service.Logout(p.T.Context(), access.Logout{Session: o.Session})
		}
	}},
	{"RequestSingleUseCode", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error {
			return p.Service.RequestSingleUseCode(p.T.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Email, Client: o.Client})
		}
	}},
	{"RequestReset", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error {
			return p.Service.RequestReset(p.T.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client})
		}
	}},
	{"IssueCode", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		if err := p.Service.RequestReset(p.T.Context(), access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client}); err != nil {
			p.T.Fatal(err)
		}
		request := p.Queued(queue.Codes)[0]
		return func(p *accesstest.Place) error {
			return p.Service.IssueCode(p.T.Context(), request.AccountID, request.ID)
		}
	}},
	{"SendMail", "", 2, func(p *accesstest.Place) func(*accesstest.Place) error {
		mail := queuedReset(p, p.Operator("alice"))
		return func(p *accesstest.Place) error { return p.Mailer.SendMail(p.T.Context(), mail.AccountID, mail.ID) }
	}},
	{"RecordMailEvent", "bounced", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		id := p.RequestReset(p.Operator("bob")).ID // alice has a mail coming at the end
		return func(p *accesstest.Place) error {
			return p.Service.RecordMailEvent(p.T.Context(), mail.Event{MessageID: id, Kind: mail.Bounced, Reason: "gone"})
		}
	}},
	{"RetryMail", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		m := queuedReset(p, p.Operator("bob"))
		e := mail.Event{MessageID: m.AccountID + "." + m.ID, Kind: mail.Bounced, Reason: "gone"}
		if err := p.Service.RecordMailEvent(p.T.Context(), e); err != nil {
			p.T.Fatal(err)
		}
		return func(p *accesstest.Place) error {
			_, err := p.Service.RetryMail(p.T.Context(), m.AccountID, m.ID)
			return err
		}
	}},
	{"DeleteOperator", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		bob := p.Operator("bob")
		return func(p *accesstest.Place) error {
			return p.Service.DeleteOperator(p.T.Context(), access.System, accesstest.Account, bob.ID)
		}
	}},
	{"Usernames", "", 0, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		_, err := p.Service.Usernames(p.T.Context(), accesstest.Account, []string{o.ID})
		return err
	})},
	{"ListOperatorSessions", "", 0, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		_, _, err := p.Service.ListOperatorSessions(p.T.Context(), accesstest.Account, o.ID, 0, "")
		return err
	})},
	{"EndOperatorSessions", "", 1, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		return p.Service.EndOperatorSessions(p.T.Context(), access.System, accesstest.Account, o.ID)
	})},
	{"CreateToken", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.CreateToken(p.T.Context(), access.System, accesstest.Account, seedOf("T-1"))
		return err
	})},
	{"ImportTokens", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ImportTokens(p.T.Context(), access.System, accesstest.Account, access.ImportTokens{Content: tokensCSV(3), Type: access.TypeCSV})
		return err
	})},
	{"ImportTokens", "dry run", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ImportTokens(p.T.Context(), access.System, accesstest.Account, access.ImportTokens{Content: tokensCSV(3), DryRun: true})
		return err
	})},
	{"ListTokens", "", 0, withToken("", func(p *accesstest.Place, _ *accesstest.Operator, _ device) error {
		_, err := p.Service.ListTokens(p.T.Context(), accesstest.Account, 0, "")
		return err
	})},
	{"GetToken", "", 0, withToken("", func(p *accesstest.Place, _ *accesstest.Operator, d device) error {
		_, err := p.Service.GetToken(p.T.Context(), accesstest.Account, d.serial)
		return err
	})},
	{"DeleteToken", "", 1, withToken("", func(p *accesstest.Place, _ *accesstest.Operator, d device) error {
		return p.Service.DeleteToken(p.T.Context(), access.System, accesstest.Account, d.serial)
	})},
	{"AssignToken", "", 1, withToken("", func(p *accesstest.Place, o *accesstest.Operator, d device) error {
		return assign(p, o, d, secret.Text{})
	})},
	{"AssignToken", "with a code", 1, withToken("", func(p *accesstest.Place, o *accesstest.Operator, d device) error {
		return assign(p, o, d, d.code(p))
	})},
	{"AssignToken", "a code for the one that waits", 1, withToken("waiting", func(p *accesstest.Place, o *accesstest.Operator, d device) error {
		return assign(p, o, d, d.code(p))
	})},
	{"LoginTOTP", "the first code of a hardware token", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o, d := p.Operator("alice"), newDevice(p, "T-1")
		must(p, assign(p, o, d, secret.Text{}))
		pending := firstStep(p, o)
		return func(p *accesstest.Place) error {
			_, err := p.Service.LoginTOTP(p.T.Context(), access.LoginTOTP{Pending: pending, Code: d.code(p), Client: o.Client})
			return err
		}
	}},
	{"DisableTOTP", "of a hardware token", 1, withToken("active", func(p *accesstest.Place, o *accesstest.Operator, _ device) error {
		return p.Service.DisableTOTP(p.T.Context(), access.System, accesstest.Account, o.ID, "lost")
	})},
	{"DisableTOTP", "of a hardware token that waits", 1, withToken("waiting", func(p *accesstest.Place, o *accesstest.Operator, _ device) error {
		return p.Service.DisableTOTP(p.T.Context(), access.System, accesstest.Account, o.ID, "")
	})},
	{"DeleteOperator", "with a hardware token", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		bob, d := p.Operator("bob"), newDevice(p, "T-1")
		must(p, assign(p, bob, d, d.code(p)))
		return func(p *accesstest.Place) error {
			return p.Service.DeleteOperator(p.T.Context(), access.System, accesstest.Account, bob.ID)
		}
	}},
	{"RemoveTOTP", "of a hardware token", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o, d := p.Operator("alice"), newDevice(p, "T-1")
		must(p, assign(p, o, d, d.code(p)))
		p.Advance(2 * time.Minute)
		o.Session = d.mustLogin(p, o).SessionToken
		p.Advance(30 * time.Second)
		return withSession(o, func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
			_, err := p.Service.RemoveTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password, Code: d.codeAt(p.Now().Add(30 * time.Second))}, o.Client)
			return err
		})
	}},
	{"ConfirmTOTP", "in place of a hardware token that waits", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o, d := p.Operator("alice"), newDevice(p, "T-1")
		must(p, assign(p, o, d, secret.Text{}))
		setup, err := p.Service.SetUpTOTP(p.T.Context(), p.Identity(o), access.SetUpTOTP{Password: o.Password}, o.Client)
		if err != nil {
			p.T.Fatal(err)
		}
		pending := &accesstest.Operator{TOTPSecret: accesstest.Secret(p.T, setup.Secret)}
		return withSession(o, func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
			_, err := p.Service.ConfirmTOTP(p.T.Context(), id, p.TOTP(pending), o.Client)
			return err
		})
	}},
	{"ListMail", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ListMail(p.T.Context(), accesstest.Account, access.ListMail{Status: "sent"})
		return err
	})},
	{"ConfirmReset", "by code", 1, confirmReset(func(p *accesstest.Place, o *accesstest.Operator) access.ConfirmReset {
		return p.ByCode(o, p.RequestReset(o))
	})},
	{"ConfirmReset", "by link", 1, confirmReset(func(p *accesstest.Place, o *accesstest.Operator) access.ConfirmReset {
		return p.ByLink(o, p.RequestReset(o))
	})},
	{"ConfirmReset", "with TOTP", 1, confirmReset(func(p *accesstest.Place, o *accesstest.Operator) access.ConfirmReset {
		p.EnableTOTP(o)
		return p.ByLink(o, p.RequestReset(o))
	})},
	{"ConfirmReset", "by temporary password", 1, confirmReset(func(p *accesstest.Place, o *accesstest.Operator) access.ConfirmReset {
		p.SetPolicy(func(policy *access.Policy) { policy.Reset.Delivery = access.ResetByTemporaryPassword }, false)
		return p.ByLink(o, p.RequestReset(o))
	})},
	{"NewPassword", "after a reset", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		done, err := p.Service.ConfirmReset(p.T.Context(), p.ByCode(o, p.RequestReset(o)))
		if err != nil {
			p.T.Fatal(err)
		}
		return func(p *accesstest.Place) error {
			_, err := p.Service.NewPassword(p.T.Context(), access.NewPassword{Replacement: done.Replacement, Password: secret.New("another good passphrase"), Client: o.Client})
			return err
		}
	}},
	{"NewPassword", "of a new operator", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.StillNew)
		in := p.Login(o)
		return func(p *accesstest.Place) error {
			_, err := p.Service.NewPassword(p.T.Context(), access.NewPassword{Session: in.SessionToken, Password: secret.New("another good passphrase"), Client: o.Client})
			return err
		}
	}},
	{"NewPasswordPrompt", "", 0, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.StillNew)
		in := p.Login(o)
		return func(p *accesstest.Place) error {
			_, err := p.Service.NewPasswordPrompt(p.T.Context(), secret.Text{}, in.SessionToken)
			return err
		}
	}},
	{"NewCaptcha", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.NewCaptcha(p.T.Context(), access.CaptchaLogin, accesstest.Account)
		return err
	})},
	{"Authenticate", "", 0, signedIn(func(*accesstest.Place, *accesstest.Operator, *access.Identity) error { return nil })},
	{"Authenticate", "after a minute", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		f := signedIn(func(*accesstest.Place, *accesstest.Operator, *access.Identity) error { return nil })(p)
		p.Advance(2 * time.Minute)
		return f
	}},
	{"Account", "", 0, signedIn(func(p *accesstest.Place, _ *accesstest.Operator, id *access.Identity) error {
		_, err := p.Service.Account(p.T.Context(), id)
		return err
	})},
	{"ChangePassword", "", 1, signedIn(func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
		_, err := p.Service.ChangePassword(p.T.Context(), id, access.ChangePassword{Current: o.Password, New: secret.New("another good passphrase")}, o.Client)
		return err
	})},
	{"SetUpTOTP", "", 1, signedIn(func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
		_, err := p.Service.SetUpTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password}, o.Client)
		return err
	})},
	{"PendingTOTP", "", 0, signedIn(func(p *accesstest.Place, _ *accesstest.Operator, id *access.Identity) error {
		_, err := p.Service.PendingTOTP(p.T.Context(), id)
		return err
	})},
	{"ConfirmTOTP", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		setup, err := p.Service.SetUpTOTP(p.T.Context(), p.Identity(o), access.SetUpTOTP{Password: o.Password}, o.Client)
		if err != nil {
			p.T.Fatal(err)
		}
		pending := &accesstest.Operator{TOTPSecret: accesstest.Secret(p.T, setup.Secret)}
		return withSession(o, func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
			_, err := p.Service.ConfirmTOTP(p.T.Context(), id, p.TOTP(pending), o.Client)
			return err
		})
	}},
	{"RemoveTOTP", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.WithTOTP)
		p.Identity(o) // seen a moment ago, so that the check writes nothing
		return withSession(o, func(p *accesstest.Place, o *accesstest.Operator, id *access.Identity) error {
			_, err := p.Service.RemoveTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password, Code: p.TOTP(o)}, o.Client)
			return err
		})
	}},
	{"ListSessions", "", 0, signedIn(func(p *accesstest.Place, _ *accesstest.Operator, id *access.Identity) error {
		_, _, err := p.Service.ListSessions(p.T.Context(), id, 0, "")
		return err
	})},
	{"EndSession", "", 1, signedIn(func(p *accesstest.Place, _ *accesstest.Operator, id *access.Identity) error {
		return p.Service.EndSession(p.T.Context(), id, id.SessionID)
	})},
	{"EndOtherSessions", "", 1, signedIn(func(p *accesstest.Place, _ *accesstest.Operator, id *access.Identity) error {
		return p.Service.EndOtherSessions(p.T.Context(), id)
	})},
	{"ListOperators", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ListOperators(p.T.Context(), accesstest.Account, access.ListOperators{Query: "a"})
		return err
	})},
	{"GetOperator", "", 0, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		_, err := p.Service.GetOperator(p.T.Context(), accesstest.Account, o.ID)
		return err
	})},
	{"CreateOperator", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		return create(p, access.CreateOperator{Username: "zoe", Email: "zoe@acme.example", FirstName: "Zoe", LastName: "Zett", Role: access.RoleAdministrator})
	})},
	{"CreateOperator", "by mail", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		return create(p, access.CreateOperator{Username: "zoe", Email: "zoe@acme.example", FirstName: "Zoe", LastName: "Zett", Role: access.RoleOperator, Deliver: access.DeliverEmail})
	})},
	{"ImportOperators", "", 1, onAlice(importing("k", false))},
	{"ImportOperators", "without a key", 1, onAlice(importing("", false))},
	{"ImportOperators", "dry run", 0, onAlice(importing("k", true))},
	{"ExportOperators", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ExportOperators(p.T.Context(), accesstest.Account, access.ListOperators{})
		return err
	})},
	{"UpdateOperator", "", 1, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		username, email, first := "alicia", "alicia@acme.example", "Alicia"
		role := access.RoleAdministrator
		_, err := p.Service.UpdateOperator(p.T.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{Username: &username, Email: &email, FirstName: &first, Role: &role})
		return err
	})},
	{"UpdateOperator", "another address, with codes at the old one", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		p.RequestSingleUseCode(o)
		p.RequestReset(o)
		return func(p *accesstest.Place) error {
			_, err := p.Service.UpdateOperator(p.T.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{Email: new("alicia@acme.example")})
			return err
		}
	}},
	{"UpdateOperator", "disable", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("boss", accesstest.Administrator)
		p.Operator("alice")
		disabled := access.StateDisabled
		p.Operator("deputy", accesstest.Administrator)
		return func(p *accesstest.Place) error {
			_, err := p.Service.UpdateOperator(p.T.Context(), access.System, accesstest.Account, o.ID, access.UpdateOperator{State: &disabled})
			return err
		}
	}},
	{"ResetOperatorPassword", "", 1, onAlice(func(p *accesstest.Place, o *accesstest.Operator) error {
		_, err := p.Service.ResetOperatorPassword(p.T.Context(), access.System, accesstest.Account, o.ID)
		return err
	})},
	{"DisableTOTP", "", 1, disableTOTP(func(p *accesstest.Place, id string) error {
		return p.Service.DisableTOTP(p.T.Context(), access.System, accesstest.Account, id, "lost")
	})},
	{"Policy", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.Policy(p.T.Context(), accesstest.Account)
		return err
	})},
	{"SetPolicy", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		policy := access.DefaultPolicy()
		policy.MinLength = 16
		_, err := p.Service.SetPolicy(p.T.Context(), access.System, accesstest.Account, access.SetPolicy{Policy: policy, IfMatch: `"1"`, EnforceNextLogin: true})
		return err
	})},
	{"PreviewPolicy", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.PreviewPolicy(p.T.Context(), accesstest.Account, access.PreviewPolicy{SetPolicy: access.SetPolicy{Policy: access.DefaultPolicy()}})
		return err
	})},
	{"Settings", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.Settings(p.T.Context(), accesstest.Account)
		return err
	})},
	{"SetSettings", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.SetSettings(p.T.Context(), access.System, accesstest.Account, access.Settings{Name: "Acme & Co", Language: "en"})
		return err
	})},
	{"ListNotices", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ListNotices(p.T.Context(), accesstest.Account, access.ListNotices{})
		return err
	})},
	{"VerifyNotices", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.VerifyNotices(p.T.Context(), accesstest.Account)
		return err
	})},
	{"ExportNotices", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ExportNotices(p.T.Context(), accesstest.Account, "")
		return err
	})},
	{"CreateAccount", "", 1, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.CreateAccount(p.T.Context(), access.System, access.CreateAccount{
			AccountID: "other", Administrator: &access.CreateOperator{Username: "zoe", Email: "zoe@other.example", FirstName: "Zoe", LastName: "Zett"},
		})
		return err
	})},
	{"UpdateAccount", "suspended and resumed", 2, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.UpdateAccount(p.T.Context(), access.System, accesstest.Account, access.UpdateAccount{State: new(access.AccountSuspended)})
		if err != nil {
			return err
		}
		_, err = p.Service.UpdateAccount(p.T.Context(), access.System, accesstest.Account, access.UpdateAccount{State: new(access.AccountActive)})
		return err
	})},
	{"ListAccounts", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ListAccounts(p.T.Context(), 0, "")
		return err
	})},
	{"GetAccount", "", 0, onAlice(func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.GetAccount(p.T.Context(), accesstest.Account)
		return err
	})},
	{"ExpirePasswords", "warning", 1, expire(80 * 24 * time.Hour)},
	{"ExpirePasswords", "expiry", 1, expire(91 * 24 * time.Hour)},
	{"SealNotices", "", 1, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		if err := sealNotices(p); err != nil {
			p.T.Fatal(err)
		}
		p.SetPolicy(func(policy *access.Policy) { policy.MinLength++ }, false)
		return sealNotices
	}},
	{"SealNotices", "in two commits", 2, func(p *accesstest.Place) func(*accesstest.Place) error {
		p.Operator("alice")
		for range 100 {
			p.SetPolicy(func(policy *access.Policy) { policy.MinLength ^= 1 }, false)
		}
		return sealNotices
	}},
	{"SweepOutbox", "", 0, func(p *accesstest.Place) func(*accesstest.Place) error {
		queuedReset(p, p.Operator("alice"))
		p.Advance(2 * time.Minute)
		return func(p *accesstest.Place) error { return p.Service.SweepOutbox(p.T.Context()) }
	}},
}

func sealNotices(p *accesstest.Place) error {
	_, err := p.Service.SealNotices(p.T.Context(), 0)
	return err
}

func login(p *accesstest.Place, o *accesstest.Operator, password secret.Text) error {
	_, err := p.Service.Login(p.T.Context(), access.Login{AccountID: accesstest.Account, Login: o.Username, Password: password, Client: o.Client})
	return err
}

func firstStep(p *accesstest.Place, o *accesstest.Operator) secret.Text {
	in, err := p.Service.Login(p.T.Context(), access.Login{AccountID: accesstest.Account, Login: o.Username, Password: o.Password, Client: o.Client})
	if err != nil || in.Next != access.NextTOTP {
		p.T.Fatalf("first step: got %v, %v", in.Next, err)
	}
	return in.PendingToken
}

// queuedReset has a reset mail stand in the outbox, and forgets what the queue was told of it.
func queuedReset(p *accesstest.Place, o *accesstest.Operator) queue.Message {
	ctx := p.T.Context()
	if err := p.Service.RequestReset(ctx, access.RequestCode{AccountID: accesstest.Account, Login: o.Username, Client: o.Client}); err != nil {
		p.T.Fatal(err)
	}
	request := p.Queued(queue.Codes)[0]
	if err := p.Service.IssueCode(ctx, request.AccountID, request.ID); err != nil {
		p.T.Fatal(err)
	}
	mail := p.Queued(queue.Mail)[0]
	p.Restart()
	return mail
}

func confirmReset(command func(*accesstest.Place, *accesstest.Operator) access.ConfirmReset) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error {
		c := command(p, p.Operator("alice"))
		return func(p *accesstest.Place) error {
			_, err := p.Service.ConfirmReset(p.T.Context(), c)
			return err
		}
	}
}

func signedIn(do func(*accesstest.Place, *accesstest.Operator, *access.Identity) error) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error { return withSession(p.Operator("alice"), do) }
}

func withSession(o *accesstest.Operator, do func(*accesstest.Place, *accesstest.Operator, *access.Identity) error) func(*accesstest.Place) error {
	return func(p *accesstest.Place) error {
		id, err := p.Service.Authenticate(p.T.Context(), o.Session)
		if err != nil {
			return err
		}
		return do(p, o, id)
	}
}

func onAlice(do func(*accesstest.Place, *accesstest.Operator) error) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice")
		return func(p *accesstest.Place) error { return do(p, o) }
	}
}

func disableTOTP(do func(p *accesstest.Place, operatorID string) error) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error {
		o := p.Operator("alice", accesstest.WithTOTP)
		return func(p *accesstest.Place) error { return do(p, o.ID) }
	}
}

func create(p *accesstest.Place, c access.CreateOperator) error {
	_, err := p.Service.CreateOperator(p.T.Context(), access.System, accesstest.Account, c)
	return err
}

// importing has two people imported, one of them with a password of their own.
func importing(key string, dryRun bool) func(*accesstest.Place, *accesstest.Operator) error {
	const file = "username,email,firstName,lastName,role,passwordHash\r\nzoe,zoe@acme.example,Zoe,Zett,administrator,\r\n" +
		"bo,bo@acme.example,Bo,Be,operator,$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu\r\n"
	return func(p *accesstest.Place, _ *accesstest.Operator) error {
		_, err := p.Service.ImportOperators(p.T.Context(), access.System, accesstest.Account, access.ImportOperators{File: []byte(file), Key: key, DryRun: dryRun})
		return err
	}
}

func expire(after time.Duration) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error {
		p.SetPolicy(func(policy *access.Policy) { policy.MaxAgeDays = 90 }, false)
		p.Operator("alice")
		p.Advance(after)
		return func(p *accesstest.Place) error { return p.Service.ExpirePasswords(p.T.Context()) }
	}
}

// A new use case is in the matrix by itself: without a scenario this fails.
func TestEveryUseCaseIsInTheCrashMatrix(t *testing.T) {
	have := map[string]bool{}
	for _, s := range scenarios {
		have[s.method] = true
	}
	ctx := reflect.TypeFor[context.Context]()
	for _, of := range []reflect.Type{reflect.TypeFor[*access.Service](), reflect.TypeFor[*access.Mailer]()} {
		for m := range of.Methods() {
			takesContext := m.Type.NumIn() > 1 && m.Type.In(1) == ctx
			if takesContext && !have[m.Name] && m.Name != "SplitDisableTOTP" {
				t.Errorf("no scenario for %s: add one to scenarios", m.Name)
			}
		}
	}
}

// For every use case and every call that leaves the process: killed before it, killed after it, its reply lost, or it
// failed; then all holds, the client repeats, and all still holds (security.md 1, 2).
func TestCrashMatrix(t *testing.T) {
	var runs atomic.Int64
	t.Run("matrix", func(t *testing.T) {
		for _, s := range scenarios {
			t.Run(s.name(), func(t *testing.T) {
				t.Parallel()
				n, violations := matrix(t, s)
				runs.Add(int64(n))
				for _, v := range violations {
					t.Error(v)
				}
			})
		}
	})
	t.Logf("crash matrix: %d use cases in %d runs", len(scenarios), runs.Load())
}

// A use case that is split into two commits is caught.
func TestCrashMatrixCatchesASplitCommit(t *testing.T) {
	_, violations := matrix(t, scenario{"SplitDisableTOTP", "", 2, disableTOTP(func(p *accesstest.Place, id string) error {
		return p.Service.SplitDisableTOTP(p.T.Context(), access.System, accesstest.Account, id)
	})})
	if len(violations) == 0 {
		t.Error("a use case in two commits went unnoticed")
	}
}

func matrix(t *testing.T, s scenario) (runs int, violations []string) {
	base := accesstest.New(t)
	do := s.prepare(base)
	base.Advance(time.Second) // so that what was prepared and what is done are not of one moment

	dry := base.Copy(t)
	dry.Faults.Heal()
	if err := do(dry); !acceptable(err) {
		t.Fatalf("without faults: %v", err)
	}
	calls := dry.Faults.Calls()
	commits := 0
	for _, c := range calls {
		if strings.HasPrefix(c.Label, "store.Commit") {
			commits++
		}
	}
	if commits != s.commits {
		t.Errorf("%s makes %d commits, want %d", s.name(), commits, s.commits)
	}
	for _, call := range calls {
		for _, mode := range accesstest.Modes() {
			runs++
			say := func(step, what string) {
				violations = append(violations, string(mode)+" "+call.String()+", "+step+": "+what)
			}
			p := base.Copy(t)
			p.Faults.Fail(call, mode)
			if err := do(p); err != nil && !acceptable(err) && !errors.Is(err, access.ErrUnavailable) && !errors.Is(err, accesstest.ErrKilled) {
				say("the call itself", err.Error())
			}
			if !p.Faults.Hit() {
				say("the call itself", "was not made in this run")
			}
			settle := func(step string) {
				p.Faults.Heal()
				p.Restart()
				p.Advance(3 * time.Minute) // leases end, and what the queue lost is due
				if err := p.Service.SweepOutbox(t.Context()); err != nil {
					say(step, err.Error())
				}
				p.Work()
				for _, v := range access.Violations(t.Context(), p.Service, p.Store, accesstest.Account) {
					say(step, v)
				}
			}
			settle("afterwards")
			if err := do(p); !acceptable(err) {
				say("repeated", err.Error())
			}
			settle("repeated")
			if v := comeBack(t, p); v != "" {
				say("at the end", v)
			}
		}
	}
	return runs, violations
}

// acceptable reports whether a client may get that answer: success, or a refusal that says what is.
func acceptable(err error) bool {
	var input *access.InputError
	var conflict *access.ConflictError
	var many *access.TooManyAttemptsError
	return err == nil || errors.Is(err, access.ErrInvalidCredentials) || errors.Is(err, access.ErrInvalidCode) ||
		errors.Is(err, access.ErrNotSignedIn) || errors.Is(err, access.ErrTOTPBlocked) || errors.Is(err, access.ErrTOTPRequired) ||
		errors.Is(err, access.ErrNotFound) || errors.As(err, &input) || errors.As(err, &conflict) || errors.As(err, &many)
}

// comeBack shows that whatever happened alice is not locked out: an administrator disables her second factor, if there is one, she
// asks for a reset, chooses a password, and gets in with it.
func comeBack(t *testing.T, p *accesstest.Place) string {
	ctx := t.Context()
	page, err := p.Service.ListOperators(ctx, accesstest.Account, access.ListOperators{Query: "ali"})
	if err != nil || len(page.Items) != 1 {
		return "alice is not found"
	}
	alice := &accesstest.Operator{ID: page.Items[0].OperatorID, Username: page.Items[0].Username, Email: page.Items[0].Email}
	if page.Items[0].TOTP.Enabled || page.Items[0].TOTP.Serial != "" {
		if err := p.Service.DisableTOTP(ctx, access.System, accesstest.Account, alice.ID, ""); err != nil {
			return "disable TOTP: " + err.Error()
		}
	}
	p.SetPolicy(func(policy *access.Policy) { policy.Reset.Delivery = access.ResetByCode }, false)
	p.Advance(2 * time.Hour)
	done, err := p.Service.ConfirmReset(ctx, p.ByLink(alice, p.RequestReset(alice)))
	if err != nil {
		return "reset: " + err.Error()
	}
	alice.Password = secret.New("quite another passphrase")
	if _, err := p.Service.NewPassword(ctx, access.NewPassword{Replacement: done.Replacement, Password: alice.Password}); err != nil {
		return "new password: " + err.Error()
	}
	in, err := p.Service.Login(ctx, access.Login{AccountID: accesstest.Account, Login: alice.Username, Password: alice.Password})
	if err != nil || in.Next != access.NextDone {
		return "login: " + string(in.Next)
	}
	return ""
}
