package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/shared/access"
	"postern/shared/csvfile"
	"postern/shared/languages"
)

const (
	// importAtOnce is how many rows a request asks for: on AWS a request has 29 seconds, of which these take a few.
	importAtOnce = 500
	// tryAtOnce is how many rows a dry run asks for, which only reads: so many that rows with the same name mostly come together.
	tryAtOnce = access.MaxImportRows
	// maxPart is how long a request may get, in bytes: a function on AWS takes 6 MB, of base64.
	maxPart = 3 << 20
	// maxImport is how long a file may be, and importRows how many rows it may have: the report is written anew after each request.
	maxImport  = 100 << 20
	importRows = 100_000
)

// operatorsImport is one run of the command.
type operatorsImport struct {
	o             *clientOptions
	account, path string
	file, report  string // names
	dryRun        bool

	rows   []csvfile.Row
	done   []importedRow  // those whose outcome is known, in the order of the file
	made   map[string]int // rows of those who were created, by username
	resume resume
	goesOn bool // it was begun by an earlier command, whose last answer may have been lost
}

// importedRow says what came of a row.
type importedRow struct {
	Row      int    `json:"row"`
	Username string `json:"username"`
	Result   string `json:"result"` // created, unchanged, error
	Message  string `json:"message,omitempty"`
	password string // temporary; never printed
}

func newOperatorsImport(o *clientOptions) *cobra.Command {
	im := &operatorsImport{o: o}
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make operators from a CSV file",
		Long: `Make operators from a CSV file with the columns username, email, firstName, lastName, role and, if they have passwords already,
passwordHash, named in the first line, in any order. Good rows are made, bad ones are told; whoever is there already just so
is left alone. Up to 100,000 rows; with --file - it is read from standard input.

What came of each row, and the temporary passwords, are written to a report, a CSV file of mode 0600; passwords are never
printed. When the import is interrupted, type the same command again: it goes on where it was, makes nobody twice, and at the
end every temporary password is in the report. Until then REPORT.resume, beside it, holds what is needed for that.

Exit code 1 says that some rows were not good.`,
		Example: `  postern --endpoint https://id.example.com operators import --account acme --file people.csv --dry-run
  postern --endpoint https://id.example.com operators import --account acme --file people.csv --report passwords.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error { return im.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&im.account, "account", "", "Account ID")
	f.StringVar(&im.file, "file", "", "the CSV file, or - for standard input")
	f.StringVar(&im.report, "report", "", "where the report goes; default FILE-report.csv, beside FILE")
	f.BoolVar(&im.dryRun, "dry-run", false, "tell what would be done, and do nothing")
	return cmd
}

func (im *operatorsImport) run(cmd *cobra.Command) error {
	content, err := im.prepare(cmd.InOrStdin())
	if err != nil {
		return err
	}
	if !im.dryRun {
		if err := im.begin(content); err != nil {
			return err
		}
	}
	bar := newProgress(len(im.rows))
	for err == nil && len(im.done) < len(im.rows) {
		bar.show(len(im.done))
		err = im.step(cmd.Context())
	}
	bar.end()
	if err != nil {
		return im.stopped(cmd.Context(), err)
	}
	if !im.dryRun {
		if err := im.end(); err != nil {
			return err
		}
	}
	return im.tell(cmd)
}

// prepare checks what was typed, and reads the file.
func (im *operatorsImport) prepare(in io.Reader) ([]byte, error) {
	usage := func(text string) error { return &exitError{exitUsage, errors.New(text)} }
	var err error
	if im.path, err = operatorsPath(im.account); err != nil {
		return nil, err
	}
	if err := im.o.checkOutput(); err != nil {
		return nil, err
	}
	switch {
	case im.file == "":
		return nil, usage("say which file, with --file")
	case im.dryRun && im.report != "":
		return nil, usage("a dry run makes nothing to report: leave out --report")
	case im.file == "-" && im.report == "" && !im.dryRun:
		return nil, usage("say where the report goes, with --report")
	case im.report == "":
		im.report = strings.TrimSuffix(im.file, filepath.Ext(im.file)) + "-report.csv"
	}
	if im.file != "-" {
		f, err := os.Open(im.file)
		if err != nil {
			return nil, usage("--file: " + err.Error())
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return nil, usage("--file: " + err.Error())
	}
	format := access.OperatorFile
	format.MaxRows = importRows
	switch im.rows, err = format.Read(content); {
	case len(content) > maxImport || errors.Is(err, csvfile.ErrTooManyRows):
		return nil, usage("--file: more than 100,000 rows or 100 MiB; split the file")
	case err != nil:
		return nil, usage("--file: " + sayCSV(err))
	case len(im.rows) == 0:
		return nil, usage("--file: there is no row below the column names")
	}
	return content, nil
}

// sayCSV puts what is wrong with a CSV file into words.
func sayCSV(err error) string {
	if e, ok := errors.AsType[*csvfile.Error](err); ok {
		return languages.For("en").Text("field."+e.Code, e.Params)
	}
	return err.Error()
}

// step has the next rows imported, and keeps what came of them.
func (im *operatorsImport) step(ctx context.Context) error {
	part, rows := im.part()
	if len(rows) > 0 {
		results, err := im.send(ctx, part, rows)
		if err != nil {
			return err
		}
		im.keep(results)
	}
	for len(im.done) < len(im.rows) && im.rows[len(im.done)].Err != nil { // what cannot be sent
		r := im.rows[len(im.done)]
		message := sayCSV(r.Err)
		if r.Err.Column != "" {
			message = r.Err.Column + ": " + message
		}
		im.keep([]importedRow{{Row: r.Number, Result: "error", Message: message}})
	}
	if im.dryRun {
		return nil
	}
	return im.writeReport()
}

// keep takes in what came of the next rows. Who stands in the file once more, in another request, is created for the service, as in a
// repeat.
func (im *operatorsImport) keep(results []importedRow) {
	if im.made == nil {
		im.made = map[string]int{}
	}
	for _, r := range results {
		if first := im.made[r.Username]; r.Result == "created" && first > 0 {
			r.Result, r.password = "error", ""
			r.Message = "username: " + languages.For("en").Text("field.repeated", map[string]string{"row": strconv.Itoa(first)})
		} else if r.Result == "created" {
			im.made[r.Username] = r.Row
		}
		im.done = append(im.done, r)
	}
}

// part makes a file of the next rows: as many as a request takes, up to one that cannot be sent.
func (im *operatorsImport) part() ([]byte, []csvfile.Row) {
	atOnce := importAtOnce
	if im.dryRun {
		atOnce = tryAtOnce
	}
	columns := columnNames(access.OperatorFile)
	var b bytes.Buffer
	w := csvfile.NewWriter(&b)
	w.Write(columns)
	rest := im.rows[len(im.done):]
	n := 0
	for ; n < min(len(rest), atOnce) && rest[n].Err == nil && b.Len() < maxPart; n++ {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = rest[n].Cell(c)
		}
		w.Write(cells)
		_ = w.Flush() // into memory
	}
	return b.Bytes(), rest[:n]
}

// importAnswer is what the service says.
type importAnswer struct {
	Rows          int   `json:"rows"`
	UnchangedRows []int `json:"unchangedRows"`
	Errors        []struct {
		Row     int    `json:"row"`
		Field   string `json:"field"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	TemporaryPasswords []struct {
		Username string `json:"username"`
		Password string `json:"temporaryPassword"`
	} `json:"temporaryPasswords"`
}

// send asks for rows to be imported, and gives what came of them: of all, or of those that were reached in time.
func (im *operatorsImport) send(ctx context.Context, part []byte, rows []csvfile.Row) ([]importedRow, error) {
	header := []string{"Content-Type", "text/csv"}
	if im.resume.Key != "" {
		header = append(header, "Idempotency-Key", im.resume.Key)
	}
	var said importAnswer
	if err := im.o.ask(ctx, "POST", im.path+"/import?dryRun="+strconv.FormatBool(im.dryRun), part, &said, header...); err != nil {
		return nil, err
	}
	if said.Rows != len(rows) {
		return nil, fmt.Errorf("%s read %d rows of %d that were sent", im.o.endpoint, said.Rows, len(rows))
	}
	results, reached := make([]importedRow, len(rows)), len(rows)
	byName := map[string]*importedRow{}
	for i, r := range rows {
		results[i] = importedRow{Row: r.Number, Username: r.Cell("username"), Result: "created"}
		if byName[results[i].Username] == nil { // another row of that name is wrong
			byName[results[i].Username] = &results[i]
		}
	}
	for _, row := range said.UnchangedRows {
		if row >= 1 && row <= len(rows) {
			results[row-1].Result = "unchanged"
		}
	}
	for _, p := range said.TemporaryPasswords {
		if r := byName[p.Username]; r != nil {
			r.password = p.Password
		}
	}
	for _, e := range said.Errors {
		if e.Row < 1 || e.Row > len(rows) {
			return nil, fmt.Errorf("%s told of a row %d that was not sent", im.o.endpoint, e.Row)
		}
		if e.Code == "not_reached" {
			reached = min(reached, e.Row-1)
			continue
		}
		r := &results[e.Row-1]
		r.Result = "error"
		if r.Message != "" {
			r.Message += " "
		}
		r.Message += e.Field + ": " + e.Message
	}
	for i := range results {
		if r := &results[i]; r.Result == "created" && r.password == "" && rows[i].Cell("passwordHash") == "" && !im.dryRun {
			r.Message = "the temporary password was replaced meanwhile" // the answer that told it was lost
		}
	}
	if reached == 0 {
		return nil, &exitError{exitFailed, fmt.Errorf("%s had no time for a single row; try again later", im.o.endpoint)}
	}
	return results[:reached], nil
}

// stopped says how an import that was cut off is gone on with.
func (im *operatorsImport) stopped(ctx context.Context, err error) error {
	code := exitFailed
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
	}
	if ctx.Err() != nil {
		code, err = exitInterrupted, errors.New("interrupted")
	}
	if im.dryRun || !im.goesOn && len(im.done) == 0 && refusedForGood(err) && im.giveUp() {
		return &exitError{code, err}
	}
	return &exitError{code, fmt.Errorf("%w\n%d of %d rows are done; type the same command again to go on", err, len(im.done), len(im.rows))}
}

// refusedForGood reports whether the request did nothing, and the same again would be refused again.
func refusedForGood(err error) bool {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status < 500
	}
	exit, ok := errors.AsType[*exitError](err)
	return ok && exit.code == exitUsage
}

// tell prints which rows were wrong, and how many there were of each kind.
func (im *operatorsImport) tell(cmd *cobra.Command) error {
	count := map[string]int{}
	wrong := []importedRow{}
	var lines [][]string
	for _, r := range im.done {
		if count[r.Result]++; r.Result == "error" {
			wrong = append(wrong, r)
			lines = append(lines, []string{strconv.Itoa(r.Row), r.Username, r.Message})
		}
	}
	if len(wrong) > 0 || im.o.output == "json" {
		if err := printRows(cmd.OutOrStdout(), im.o.output, wrong, []string{"ROW", "USERNAME", "PROBLEM"}, lines); err != nil {
			return err
		}
	}
	made := "created"
	if im.dryRun {
		made = "would be created"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d rows: %d %s, %d there already, %d wrong.\n", len(im.done), count["created"], made, count["unchanged"], count["error"])
	if !im.dryRun {
		fmt.Fprintf(cmd.ErrOrStderr(), "The report, with the temporary passwords: %s\n", im.report)
	}
	if len(wrong) > 0 {
		return &exitError{exitFindings, fmt.Errorf("%d of %d rows are wrong", len(wrong), len(im.done))}
	}
	return nil
}
