// Package onemachine puts Postern together for one machine: one process with an embedded store, an in-process queue, a key file,
// SMTP or a local inbox, and timers. It is durable and can be restarted, or killed, at any time.
package onemachine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"postern/shared/access"
	"postern/shared/keys"
	"postern/shared/keys/file"
	"postern/shared/mail"
	"postern/shared/mail/inbox"
	"postern/shared/mail/smtp"
	"postern/shared/onemachine/local"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/queue/inproc"
	"postern/shared/sigv4"
	"postern/shared/store"
	"postern/shared/store/bolt"
	"postern/shared/web"
)

// Config is how a server is started; the flags of `postern serve` fill it.
type Config struct {
	Listen  string // host:port; port 0 picks a free one. A name or address of this machine only, in demo mode
	Data    string // folder that everything is kept in; made, mode 0700, if it is not there
	KeyFile string // empty: Data/keys
	// Origin is where people reach the server, scheme and host. Empty: http://localhost and the port.
	Origin     string
	AppOrigins []string    // where a login may continue to, besides the server itself
	Account    string      // Account ID of the one account; then nobody is asked for it. Empty: any
	SMTP       smtp.Config // Addr empty: mail goes to the local inbox
	MailFrom   string      // address that mails come from; required with SMTP
	Demo       bool
	Hash       password.Params // zero: password.DefaultParams
	Log        *slog.Logger    // unset: slog.Default
}

// Server is a running server.
type Server struct {
	URL   string // where it answers
	Inbox string // URL of the local inbox; empty with SMTP
	// First holds the demo's operators with their generated passwords, on the very first start in demo mode.
	Demo *Demo

	config  Config
	store   *bolt.Store
	clock   *local.Clock
	queue   *inproc.Queue
	service *access.Service
	mailer  *access.Mailer
	inbox   *inbox.Inbox
	http    *http.Server
	stop    context.CancelFunc
	timers  sync.WaitGroup
	serving chan error
}

// Sizes and intervals of one machine.
const (
	// hashQueue is how many logins wait for a core at the most: at some 50 hashes a second, about ten seconds.
	hashQueue        = 512
	mailWorkers      = 4
	codeWorkers      = 2
	outboxEvery      = 15 * time.Second
	expireEvery      = 10 * time.Minute
	sealEvery        = time.Minute
	housekeepEvery   = time.Minute
	housekeepAtOnce  = 1000
	headerTimeout    = 10 * time.Second
	requestTimeout   = 60 * time.Second // until a request is read
	answerTimeout    = 15 * time.Second // until its answer is written
	shutdownPatience = 20 * time.Second
)

// Files in Config.Data.
const (
	storeFile       = "postern.db"
	keysFile        = "keys"
	signingSuffix   = "-sign.pem" // of the key that signs the notice log, which lies beside the key file: keys-sign.pem
	credentialsFile = "admin-credentials"
	demoFile        = "demo.json"
	inboxFolder     = "inbox"
)

// machine is what serve and init have in common: the folder with its store and keys.
type machine struct {
	store   *bolt.Store
	keys    *keys.Ring
	service *access.Service
	queue   *inproc.Queue
}

// open opens the folder. A folder that another server has open is refused.
func open(c *Config, clock *local.Clock) (*machine, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	st, err := bolt.Open(filepath.Join(c.Data, storeFile))
	if errors.Is(err, bolt.ErrLocked) {
		return nil, fmt.Errorf("another postern is running on the folder %s: stop it, or give this one a folder of its own with --data", c.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.Data, keysFile)
	}
	// Only an empty store gets new keys: with others, everything in an old one would be lost to its owner without a word.
	if _, err := os.Stat(c.KeyFile); errors.Is(err, os.ErrNotExist) {
		if used, err := hasAccounts(st); err != nil || used {
			_ = st.Close()
			if err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("the key file %s is missing, and what is kept in %s cannot be read without it: put it back, or say where it is with --key-file", c.KeyFile, c.Data)
		}
	}
	k, err := file.Open(c.KeyFile, rand.Reader)
	if err != nil {
		_ = st.Close()
		return nil, fmt.Errorf("open key file: %w", err)
	}
	signer, err := file.OpenSigner(c.KeyFile + signingSuffix)
	if err != nil {
		_ = st.Close()
		return nil, fmt.Errorf("open signing key: %w", err)
	}
	if c.Hash == (password.Params{}) {
		c.Hash = password.DefaultParams
	}
	hasher, err := password.New(c.Hash, runtime.GOMAXPROCS(0), hashQueue, rand.Reader)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	m := &machine{store: st, keys: k, queue: inproc.New(inproc.Config{Log: c.Log})}
	m.service = access.New(access.Config{
		Store: st, Keys: k, Signer: signer, Queue: m.queue, Now: clock.Now, Log: c.Log, Origin: c.Origin, Hasher: hasher,
	})
	return m, nil
}

func hasAccounts(st store.Store) (bool, error) {
	page, err := st.Query(context.Background(), store.Query{Table: store.Accounts, Partition: "#accounts", Limit: 1})
	if err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return len(page.Items) > 0, nil
}

// Start starts a server and returns once it answers. Stop it with [Server.Stop].
func Start(ctx context.Context, c Config) (*Server, error) {
	if c.Demo && !loopback(c.Listen) {
		return nil, fmt.Errorf("the demo listens on this machine only, and %s is open to others: use a loopback address, or leave out --demo", c.Listen)
	}
	if c.SMTP.Addr != "" && c.MailFrom == "" {
		return nil, errors.New("with --smtp, say with --mail-from which address mails come from")
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &Server{config: c, serving: make(chan error, 1)}
	s.URL = "http://localhost:" + fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if s.config.Origin == "" {
		s.config.Origin = s.URL
	}
	if err := s.build(ctx); err != nil {
		_ = listener.Close()
		return nil, err
	}
	go func() { s.serving <- s.http.Serve(listener) }()
	if c.Demo {
		if err := s.startDemo(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// build puts the parts together.
func (s *Server) build(ctx context.Context) error {
	c := &s.config
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	s.clock = &local.Clock{}
	if c.Demo {
		var err error
		if s.clock, err = local.LoadClock(c.Data); err != nil {
			return err
		}
	}
	m, err := open(c, s.clock)
	if err != nil {
		return err
	}
	s.store, s.queue, s.service = m.store, m.queue, m.service

	var sender mail.Sender
	if c.SMTP.Addr != "" {
		sender, err = smtp.New(c.SMTP)
	} else {
		s.Inbox = s.URL + "/_local/inbox"
		s.inbox, err = inbox.Open(filepath.Join(c.Data, inboxFolder), m.keys, s.clock.Now)
		sender = s.inbox
		if c.MailFrom == "" {
			c.MailFrom = "postern@localhost"
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("set up mail: %w", err), s.store.Close())
	}
	key, err := sigv4.LoadCredentials(filepath.Join(c.Data, credentialsFile))
	if err != nil {
		return errors.Join(err, s.store.Close())
	}
	s.mailer = access.NewMailer(s.service, sender, c.MailFrom)

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.queue.Start(running, queue.Mail, mailWorkers, func(ctx context.Context, m queue.Message) error {
		return s.mailer.SendMail(ctx, m.AccountID, m.ID)
	})
	s.queue.Start(running, queue.Codes, codeWorkers, func(ctx context.Context, m queue.Message) error {
		return s.service.IssueCode(ctx, m.AccountID, m.ID)
	})
	s.every(running, outboxEvery, "sweepoutbox", s.service.SweepOutbox)
	s.every(running, expireEvery, "expirepasswords", s.service.ExpirePasswords)
	s.every(running, sealEvery, "sealnotices", s.sealNotices)
	s.every(running, housekeepEvery, "housekeeping", s.housekeep)

	v := &sigv4.Verifier{Credentials: key, Now: time.Now}
	s.http = &http.Server{
		Handler:           s.handler(v),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout + web.ImportTime + answerTimeout, // counted from the request's header
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
	}
	return nil
}

// handler serves Postern's routes and, without SMTP or in demo mode, those under /_local.
func (s *Server) handler(v *sigv4.Verifier) http.Handler {
	postern := web.Handler(web.Config{
		Service: s.service, Origin: s.config.Origin, AppOrigins: s.config.AppOrigins, FixedAccountID: s.config.Account,
		Log: s.config.Log, Now: s.clock.Now,
		Principal: func(r *http.Request) (string, bool) { return principal, r.Context().Value(signed{}) != nil },
	}, web.Functions()...)
	mux := http.NewServeMux()
	routes := local.Routes{Inbox: s.inbox, Log: s.config.Log}
	if s.config.Demo {
		routes.Clock, routes.Jobs = s.clock, map[string]func(context.Context) error{
			"expirepasswords": s.runNow(s.service.ExpirePasswords),
			"sweepoutbox":     s.runNow(s.service.SweepOutbox),
			"sealnotices":     s.runNow(s.sealNotices),
		}
	}
	routes.Handle(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/admin/") || r.URL.Path == "/admin" {
			if err := v.Verify(r, web.MaxRequest); err != nil {
				s.config.Log.InfoContext(r.Context(), "admin request refused", "reason", err)
			} else {
				r = r.WithContext(context.WithValue(r.Context(), signed{}, true))
			}
		}
		postern.ServeHTTP(w, r)
	})
}

// principal is who the key pair stands for, as notices name it: an ARN of no real partition.
const principal = "iam:arn:local:iam::000000000000:user/postern"

// runNow gives a job that has ended when what it put into the queue is done as well.
func (s *Server) runNow(job func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := job(ctx); err != nil {
			return err
		}
		return s.queue.Drained(ctx)
	}
}

// signed marks the context of a request whose signature was found right.
type signed struct{}

// every runs a job now and then again and again, until the context ends.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, job func(context.Context) error) {
	s.timers.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			if err := job(ctx); err != nil && ctx.Err() == nil {
				s.config.Log.ErrorContext(ctx, "job failed, will run again", "job", name, "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// sealNotices seals whatever waits for it.
func (s *Server) sealNotices(ctx context.Context) error {
	_, err := s.service.SealNotices(ctx, 0)
	return err
}

// housekeep removes what has expired. It is never needed for anything but space.
func (s *Server) housekeep(ctx context.Context) error {
	for {
		removed, err := s.store.Sweep(ctx, s.clock.Now(), housekeepAtOnce)
		if err != nil || removed < housekeepAtOnce {
			return err
		}
	}
}

// Wait returns when the server has stopped by itself, with the reason, or when ctx ends, with nil.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case err := <-s.serving:
		s.serving <- err
		return err
	case <-ctx.Done():
		return nil
	}
}

// Stop finishes what is running, takes nothing new, and closes the store.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.stop()
	s.timers.Wait()
	return errors.Join(err, s.queue.Close(ctx), s.store.Close())
}

// loopback reports whether addr is of this machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Init makes an account and its first administrator in a folder, for a server that is not a demo.
func Init(ctx context.Context, c Config, account access.CreateAccount) (access.AccountCreated, error) {
	m, err := open(&c, &local.Clock{})
	if err != nil {
		return access.AccountCreated{}, err
	}
	created, err := m.service.CreateAccount(ctx, access.Actor{Name: principal}, account)
	return created, errors.Join(err, m.store.Close())
}

// Print writes to w what a person at the terminal wants to know of a server that just started.
func (s *Server) Print(w io.Writer) {
	fmt.Fprintf(w, "Postern is running at %s\n", s.config.Origin)
	if s.Inbox != "" {
		fmt.Fprintf(w, "  Mail goes to the local inbox:  %s\n", s.Inbox)
	}
	if s.Demo != nil {
		s.Demo.print(w, s)
	}
	fmt.Fprintln(w, "Stop it with Ctrl-C.")
}
