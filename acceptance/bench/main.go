// Command bench measures Postern on one machine, and the floor beside each number, in one run: `make bench`.
//
// Server and clients share the machine's cores, so ratios count, not absolute numbers.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postern/shared/password"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "empty" {
		fmt.Fprintln(os.Stderr, serveEmpty())
		os.Exit(1)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveEmpty is the floor of everything that speaks HTTP: a handler that says "{}".
func serveEmpty() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	}))
}

const span = 4 * time.Second // of each measurement

var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 600, MaxConnsPerHost: 0},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func run() error {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/postern")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Printf("machine                        %d cores, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Printf("binary, stripped               %.1f MB\n", float64(info.Size())/1e6)

	started := time.Now()
	s, err := start(binary, dir)
	if err != nil {
		return err
	}
	defer func() { _ = s.stop() }()
	first := time.Since(started)
	again, err := startAgain(binary, dir)
	if err != nil {
		return err
	}
	fmt.Printf("start to first answer          %d ms on an empty folder, %d ms on one in use (aim: under 100)\n",
		first.Milliseconds(), again.Milliseconds())
	if err := s.ready(dir); err != nil {
		return err
	}
	people, err := s.people(16)
	if err != nil {
		return err
	}
	rest, err := s.memory()
	if err != nil {
		return err
	}

	fmt.Printf("\nlogins                         per second   pure hash   ratio    p50      p99      p99/p50\n")
	for _, clients := range []int{1, 4, 16} {
		floor := hashRate(clients)
		rate, times, err := s.logins(people[:clients])
		if err != nil {
			return err
		}
		p50, p99 := times[len(times)/2], times[len(times)*99/100]
		fmt.Printf("  %2d clients                   %8.1f     %8.1f    %5.2f   %4d ms  %4d ms   %.2f\n",
			clients, rate, floor, rate/floor, p50.Milliseconds(), p99.Milliseconds(), float64(p99)/float64(p50))
	}
	fmt.Printf("  aims: ratio 0.95 and more at 4 and 16, p99/p50 at most 1.5 at 16\n")

	check, err := rate(16, func(int) (*http.Request, error) { return people[0].request("GET", s.url+"/session", nil) })
	if err != nil {
		return err
	}
	empty, stopEmpty, err := startEmpty()
	if err != nil {
		return err
	}
	defer stopEmpty()
	floor, err := rate(16, func(int) (*http.Request, error) { return http.NewRequest("GET", empty, nil) })
	if err != nil {
		return err
	}
	fmt.Printf("\nsession checks per second      %.0f, an empty handler %.0f, ratio %.2f\n", check, floor, check/floor)

	disk, took, err := s.imports(dir, 10_000)
	if err != nil {
		return err
	}
	fmt.Printf("\nimport of %d operators      %.1f s, %.0f rows a second (aim: 500); as many writes to disk alone %.0f\n",
		10_000, took.Seconds(), 10_000/took.Seconds(), disk)

	peak, answered, refused, err := s.crowd(500)
	if err != nil {
		return err
	}
	fmt.Printf("\nmemory at rest                 %d MB\n", rest>>20)
	fmt.Printf("with 500 logins waiting        %d MB, %d more (aim: under 150); %d answered, %d told to come back\n",
		peak>>20, (peak-rest)>>20, answered, refused)
	return s.stop()
}

// server is a running postern.
type server struct {
	cmd   *exec.Cmd
	url   string
	demo  demo
	admin *person // with people
}

type demo struct {
	URL       string `json:"url"`
	Operators []struct {
		Username          string `json:"username"`
		TemporaryPassword string `json:"temporaryPassword"`
	} `json:"operators"`
}

func start(binary, dir string) (*server, error) {
	data := filepath.Join(dir, "data")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "serve", "--demo", "--listen", addr, "--data", data)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, url: "http://localhost:" + addr[strings.LastIndexByte(addr, ':')+1:]}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if resp, err := client.Get(s.url + "/health"); err == nil {
			_ = resp.Body.Close()
			break
		}
		runtime.Gosched()
	}
	return s, nil
}

// startAgain measures a start on a folder that is used already.
func startAgain(binary, dir string) (time.Duration, error) {
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		return 0, err
	}
	s, err := start(binary, other)
	if err != nil {
		return 0, err
	}
	if err := s.ready(other); err != nil {
		return 0, err
	}
	if err := s.stop(); err != nil {
		return 0, err
	}
	began := time.Now()
	if s, err = start(binary, other); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, errors.Join(s.ready(other), s.stop())
}

// ready waits for demo.json of this start.
func (s *server) ready(dir string) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		raw, err := os.ReadFile(filepath.Join(dir, "data", "demo.json"))
		if err == nil && json.Unmarshal(raw, &s.demo) == nil && s.demo.URL == s.url {
			return nil
		}
	}
	return errors.New("the server did not get ready")
}

func (s *server) stop() error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// memory is the resident set, in bytes.
func (s *server) memory() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("memory is read from /proc: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}

// person is an operator with a browser of their own.
type person struct {
	username, password string
	cookies            map[string]string
}

func (p *person) request(method, url string, body any) (*http.Request, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if body == nil {
		raw = nil
	}
	r, err := http.NewRequest(method, url, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	for name, v := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	return r, nil
}

func (p *person) do(method, url string, body, answer any) (int, error) {
	r, err := p.request(method, url, body)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for _, c := range resp.Cookies() {
		p.cookies[c.Name] = c.Value
	}
	raw, err := io.ReadAll(resp.Body)
	if err == nil && answer != nil {
		err = json.Unmarshal(raw, answer)
	}
	return resp.StatusCode, err
}

func (p *person) login(url string) (int, error) {
	return p.do("POST", url+"/login", map[string]string{"accountId": "demo", "login": p.username, "password": p.password}, nil)
}

// choose replaces the temporary password.
func (p *person) choose(url string) error {
	if status, err := p.login(url); err != nil || status != 200 {
		return fmt.Errorf("first login of %s: %d, %w", p.username, status, err)
	}
	p.password = "a passphrase for measuring " + rand.Text()
	if status, err := p.do("POST", url+"/new-password", map[string]string{"password": p.password}, nil); err != nil || status != 200 {
		return fmt.Errorf("new password of %s: %d, %w", p.username, status, err)
	}
	return nil
}

func (s *server) people(n int) ([]*person, error) {
	admin := &person{username: "alice", password: s.demo.Operators[0].TemporaryPassword, cookies: map[string]string{}}
	if err := admin.choose(s.url); err != nil {
		return nil, err
	}
	s.admin = admin
	var all []*person
	for i := range n {
		p := &person{username: fmt.Sprint("bench", i), cookies: map[string]string{}}
		var made struct {
			TemporaryPassword string `json:"temporaryPassword"`
		}
		status, err := admin.do("POST", s.url+"/manage/operators", map[string]string{
			"username": p.username, "email": p.username + "@demo.example", "firstName": "Bench", "lastName": "Mark", "role": "operator",
		}, &made)
		if err != nil || status != 201 {
			return nil, fmt.Errorf("make %s: %d, %w", p.username, status, err)
		}
		p.password = made.TemporaryPassword
		if err := p.choose(s.url); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// hashRate is how many hashes a second that many at once make.
func hashRate(clients int) float64 {
	var n atomic.Int64
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for time.Since(began) < span {
				if _, err := password.Hash("a passphrase for measuring", password.DefaultParams, rand.Reader); err == nil {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds()
}

// logins has each person log in again and again, and gives the rate and the sorted times.
func (s *server) logins(people []*person) (float64, []time.Duration, error) {
	var mu sync.Mutex
	var times []time.Duration
	errs := make([]error, len(people))
	began := time.Now()
	var wg sync.WaitGroup
	for i, p := range people {
		wg.Go(func() {
			for time.Since(began) < span {
				at := time.Now()
				status, err := p.login(s.url)
				if err != nil || status != 200 {
					errs[i] = fmt.Errorf("login of %s: %d, %w", p.username, status, err)
					return
				}
				mu.Lock()
				times = append(times, time.Since(at))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	slices.Sort(times)
	return float64(len(times)) / took.Seconds(), times, errors.Join(errs...)
}

// imports has a file of n operators imported, and tells the floor beside it: how many rows a second there would be if the disk did
// nothing but to keep each commit's worth of rows, and how long the import took.
func (s *server) imports(dir string, n int) (floor float64, took time.Duration, err error) {
	var b bytes.Buffer
	b.WriteString("username,email,firstName,lastName,role\n")
	for i := range n {
		fmt.Fprintf(&b, "import%d,import%[1]d@import.example,Im%[1]d,Port%[1]d,operator\n", i)
	}
	r, err := s.admin.request("POST", s.url+"/manage/operators/import", nil)
	if err != nil {
		return 0, 0, err
	}
	r.Body, r.ContentLength = io.NopCloser(&b), int64(b.Len())
	r.Header.Set("Content-Type", "text/csv")
	began := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	var said struct{ Created int }
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Created != n {
		return 0, 0, fmt.Errorf("import: %s, %d created, %w", resp.Status, said.Created, err)
	}
	took = time.Since(began)

	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	const commit, rowBytes = 16, 2 << 10
	began = time.Now()
	for range n / commit {
		if _, err := f.Write(make([]byte, commit*rowBytes)); err != nil {
			return 0, 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), took, nil
}

// rate is how many requests a second that many clients get answered.
func rate(clients int, make func(int) (*http.Request, error)) (float64, error) {
	var n atomic.Int64
	errs := makeErrors(clients)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < span {
				r, err := make(i)
				if err == nil {
					var resp *http.Response
					if resp, err = client.Do(r); err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
						if resp.StatusCode != 200 {
							err = fmt.Errorf("answer %s", resp.Status)
						}
					}
				}
				if err != nil {
					errs[i] = err
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

func makeErrors(n int) []error { return make([]error, n) }

func startEmpty() (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "empty")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, err
}

// crowd has n unknown people log in at the same moment, and gives the most memory that the server took meanwhile.
func (s *server) crowd(n int) (peak int64, answered, refused int, err error) {
	statuses := make([]int, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p := &person{username: fmt.Sprint("nobody", i), password: "guess", cookies: map[string]string{}}
			statuses[i], errs[i] = p.login(s.url)
		})
	}
	ctx, done := context.WithCancel(context.Background())
	go func() { wg.Wait(); done() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		m, err := s.memory()
		if err != nil {
			return 0, 0, 0, err
		}
		peak = max(peak, m)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	for _, status := range statuses {
		switch status {
		case 401:
			answered++
		case 403, 429, 503:
			refused++
		default:
			errs = append(errs, fmt.Errorf("answer %d", status))
		}
	}
	return peak, answered, refused, errors.Join(errs...)
}
