package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/shared/mail"
	"postern/shared/store"
)

// Violations reads everything that is stored of an account, straight from the store, and lists what must not be
// (security.md 1): every part of a use case is there, or none.
func Violations(ctx context.Context, s *Service, st store.Store, accountID string) []string {
	var bad []string
	say := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	all := func(t store.Table, partition, prefix string) []store.Item {
		q := store.Query{Table: t, Partition: partition, Prefix: prefix, Limit: 1000}
		page, err := st.Query(ctx, q)
		if err != nil {
			say("query %s: %v", t, err)
		}
		return page.Items
	}
	read := func(item store.Item, r record) {
		if err := s.decode(ctx, item, r); err != nil {
			say("decode %s: %v", item.Key, err)
		}
	}

	var notices []*notice
	for _, item := range all(store.Notices, accountID, "") {
		if item.Sort == (&noticeHead{}).key().Sort {
			continue
		}
		n := &notice{AccountID: accountID, ID: item.Sort}
		read(item, n)
		notices = append(notices, n)
	}
	var mails []*outboxItem
	for _, item := range all(store.Outbox, accountID, "") {
		m := &outboxItem{AccountID: accountID, ID: item.Sort}
		read(item, m)
		if m.Kind == outboxMail {
			mails = append(mails, m)
		}
	}
	noticed := func(operatorID string, at time.Time, types ...NoticeType) bool {
		return slices.ContainsFunc(notices, func(n *notice) bool {
			return n.OperatorID == operatorID && n.At.Equal(at) && slices.Contains(types, n.Type)
		})
	}
	// What is told by mail is noted, and the other way round, in the same moment.
	told := map[NoticeType]mail.Template{
		NoticeResetRequested: mail.Reset, NoticePasswordReset: mail.PasswordWasReset,
		NoticePasswordResetByAdmin: mail.PasswordResetByAdministrator, NoticePasswordExpired: mail.PasswordExpired,
		NoticeTOTPEnabled: mail.TOTPEnabled, NoticeTOTPRemoved: mail.TOTPRemoved,
		NoticeTOTPDisabledByAdmin: mail.TOTPDisabledByAdministrator, NoticeTOTPBlocked: mail.TOTPBlocked,
		NoticeLoginLimited: mail.LoginLimited,
	}
	for t, template := range told {
		for _, n := range notices {
			if n.Type == t && !slices.ContainsFunc(mails, func(m *outboxItem) bool {
				return m.Template == template && m.OperatorID == n.OperatorID && m.QueuedAt.Equal(n.At)
			}) {
				say("notice %s of %s without its mail", t, n.At)
			}
		}
		for _, m := range mails {
			if m.Template == template && !noticed(m.OperatorID, m.QueuedAt, t) {
				say("mail %s of %s without its notice", template, m.QueuedAt)
			}
		}
	}

	for _, m := range mails {
		if (m.Template == mail.EmailChanged || m.Template == mail.UsernameChanged) && !noticed(m.OperatorID, m.QueuedAt, NoticeOperatorUpdated) {
			say("mail %s of %s without its notice", m.Template, m.QueuedAt)
		}
	}

	names := map[string]string{} // sort key to operatorId
	for _, item := range all(store.Operators, accountID, "") {
		id, _ := item.Fields["operatorId"].(store.Text)
		names[item.Sort] = string(id)
	}
	active := 0
	held := map[string]string{} // operatorId to the serial of the hardware token
	for sort, id := range names {
		if !strings.HasPrefix(sort, string(nameUsername)) {
			continue
		}
		o := &operator{AccountID: accountID, ID: id}
		items, err := st.Get(ctx, o.key())
		if err != nil || !items[0].Exists() {
			say("name %s points to nobody (%v)", sort, err)
			continue
		}
		read(items[0], o)
		for _, n := range o.names() {
			k := n.key().Sort
			if names[k] != o.ID {
				say("%s is not found as %s", o.Username, k)
			}
			delete(names, k)
		}
		if o.Role == RoleAdministrator && o.State == StateActive {
			active++
		}
		if o.TOTP.Serial != "" {
			held[o.ID] = o.TOTP.Serial
		}
		if !o.Password.ChangedAt.IsZero() && !noticed(o.ID, o.Password.ChangedAt, NoticeOperatorCreated, NoticeOperatorImported, NoticePasswordChanged,
			NoticePasswordReset, NoticePasswordResetByAdmin) {
			say("password of %s changed at %s without a notice", o.Username, o.Password.ChangedAt)
		}
		second, secondAt, bumps := NoticeType(""), time.Time{}, map[time.Time]bool{}
		for _, n := range notices {
			if n.OperatorID != o.ID {
				continue
			}
			switch n.Type {
			case NoticeTOTPEnabled, NoticeTOTPRemoved, NoticeTOTPDisabledByAdmin:
				if !n.At.Equal(secondAt) {
					second = ""
				}
				second, secondAt = second+" "+n.Type, n.At // those of one moment have no order
				bumps[n.At] = true
			case NoticePasswordChanged, NoticePasswordReset, NoticePasswordResetByAdmin, NoticeOperatorDisabled, NoticeOperatorEnabled:
				bumps[n.At] = true
			}
		}
		enabled := strings.Contains(string(second), string(NoticeTOTPEnabled))
		if o.TOTP.Enabled && !enabled || !o.TOTP.Enabled && enabled && !strings.ContainsAny(strings.TrimSpace(string(second)), " ") {
			say("TOTP of %s is %t, and the last notice of it %q", o.Username, o.TOTP.Enabled, second)
		}
		if int(o.CredentialVersion)-1 < len(bumps) {
			say("%s has credential version %d after %d changes", o.Username, o.CredentialVersion, len(bumps))
		}
		reset := &mailedCode{AccountID: accountID, OperatorID: id, Kind: resetCode}
		if items, err := st.Get(ctx, reset.key()); err == nil {
			read(items[0], reset)
		}
		if reset.exists() && reset.Used && reset.CredentialVersion == o.CredentialVersion {
			say("reset of %s was used, and nothing changed", o.Username)
		}
	}
	for sort := range names {
		say("name %s belongs to nobody", sort)
	}
	for _, item := range all(store.Tokens, accountID, sortOfTokens) {
		t := &hardwareToken{AccountID: accountID, Serial: strings.TrimPrefix(item.Sort, sortOfTokens)}
		read(item, t)
		if held[t.AssignedTo] != t.Serial && (t.AssignedTo != "" || held[t.AssignedTo] != "") {
			say("token %s is marked as of %q, who holds %q", t.Serial, t.AssignedTo, held[t.AssignedTo])
		}
		if t.AssignedTo != "" {
			delete(held, t.AssignedTo)
		}
		if !slices.ContainsFunc(notices, func(n *notice) bool {
			return n.Type == NoticeTokenImported && slices.Contains(n.Detail, detail{"serial", t.Serial})
		}) {
			say("token %s without the notice of its import", t.Serial)
		}
	}
	for id, serial := range held {
		say("%s holds the token %s, which is not marked so", id, serial)
	}
	count := &administrators{AccountID: accountID}
	if items, err := st.Get(ctx, count.key()); err == nil {
		read(items[0], count)
	}
	log, err := s.VerifyNotices(ctx, accountID)
	if err != nil || !log.OK {
		say("the log is not as it was sealed: %+v, %v", log, err)
	}
	for _, n := range notices {
		if (n.Seq == 0) == n.due.IsZero() {
			say("notice %s has number %d and is due %s", n.Type, n.Seq, n.due)
		}
	}
	if count.Active != active {
		say("%d active administrators, and %d counted", active, count.Active)
	}
	return bad
}

// SplitDisableTOTP is DisableTOTP as it must not be written: in two commits. The crash matrix has to catch it.
func (s *Service) SplitDisableTOTP(ctx context.Context, by Actor, accountID, operatorID string) error {
	_, err := commit(ctx, s, func(time.Time) (struct{}, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if err != nil {
			return struct{}{}, nil, err
		}
		if !st.operator.TOTP.Enabled {
			return struct{}{}, nil, &ConflictError{Reason: "no_totp"}
		}
		st.operator.removeTOTP(nil)
		return struct{}{}, changes{put(&st.operator)}, nil
	})
	if err != nil {
		return err
	}
	_, err = commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		st, err := s.loadAdministered(ctx, accountID, operatorID)
		if err != nil {
			return struct{}{}, nil, err
		}
		told, err := tell(mail.TOTPDisabledByAdministrator, NoticeTOTPDisabledByAdmin, by, &st.operator, now, s.random)
		return struct{}{}, told, err
	})
	return err
}

// SeedOperators puts operators into an account as CreateOperator would, without their passwords and notices: the i-th, from first on, has
// the username "person" with the number i, and every hundredth is disabled.
func SeedOperators(ctx context.Context, s *Service, st store.Store, accountID string, first, count int) error {
	const atOnce = store.MaxChanges / 5 // each has a record and four names
	var parts []func() error
	for start := first; start < first+count; start += atOnce {
		parts = append(parts, func() error {
			var puts []store.Change
			for i := start; i < min(start+atOnce, first+count); i++ {
				o := &operator{
					AccountID: accountID, Username: fmt.Sprintf("person%06d", i), FirstName: fmt.Sprintf("Given%03d", i%500), LastName: fmt.Sprintf("Family%05d", i),
					Role: RoleOperator, State: StateActive, CreatedAt: s.now(), CredentialVersion: 1, Password: ownPassword{Kind: PasswordNone},
				}
				o.Email = o.Username + "@seeded.example"
				if i%100 == 0 {
					o.State = StateDisabled
				}
				var err error
				if o.ID, err = newID(s.random); err != nil {
					return err
				}
				records := []record{o}
				for _, n := range o.names() {
					records = append(records, n)
				}
				for _, r := range records {
					item, err := s.encode(ctx, r)
					if err != nil {
						return err
					}
					puts = append(puts, store.Put(item, store.Absent))
				}
			}
			id, err := newID(s.random)
			if err != nil {
				return err
			}
			return st.Commit(ctx, id, puts...)
		})
	}
	for some := range slices.Chunk(parts, 64) {
		if err := parallel(some...); err != nil {
			return fmt.Errorf("seed operators: %w", err)
		}
	}
	return nil
}

// ChangeNotice and DeleteNotice do to a notice what nothing may do. Whatever runs in an accesstest.Place is stopped at that.
func ChangeNotice(ctx context.Context, s *Service, accountID, id string) error {
	_, err := commit(ctx, s, func(time.Time) (struct{}, changes, error) {
		n := &notice{AccountID: accountID, ID: id}
		if err := s.get(ctx, n); err != nil {
			return struct{}{}, nil, err
		}
		n.Actor = "somebody else"
		return struct{}{}, changes{put(n)}, nil
	})
	return err
}

// DeleteNotice deletes one.
func DeleteNotice(ctx context.Context, s *Service, accountID, id string) error {
	_, err := commit(ctx, s, func(time.Time) (struct{}, changes, error) {
		return struct{}{}, changes{removeAny(&notice{AccountID: accountID, ID: id})}, nil
	})
	return err
}

// HashOf reads an operator's password hash from the store.
func HashOf(ctx context.Context, s *Service, accountID, operatorID string) string {
	o := &operator{AccountID: accountID, ID: operatorID}
	if err := s.get(ctx, o); err != nil {
		return err.Error()
	}
	return o.Password.Hash.Reveal()
}

// ReadOperators reads a file of operators as an import does.
func ReadOperators(file []byte) (good []CreateOperator, report ImportReport, err error) {
	rows, report, err := readOperators(file)
	for _, r := range rows {
		good = append(good, r.CreateOperator)
	}
	return good, report, err
}
