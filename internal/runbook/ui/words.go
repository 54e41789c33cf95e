package ui

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"tenantry/internal/runbook"
	"tenantry/reconcile"
	"tenantry/state"
)

// words turn values into what is read on a page; templates call its methods.
type words struct {
	Prefix string
	now    time.Time
}

// stateWords are the states, those first that somebody should look at.
var stateWords = []struct {
	State  reconcile.State
	Word   string
	Means  string
	Urgent bool
}{
	{reconcile.StateUnreachable, "Unreachable", "Their database cannot be read.", true},
	{reconcile.StateFailing, "Failing", "The last attempt on them failed.", true},
	{reconcile.StateRefused, "Refused", "They are on record in another database: nothing is made beside that.", true},
	{reconcile.StateDrifted, "Drifted", "They are not as they were left.", true},
	{reconcile.StateMissing, "Missing", "Their schemas are not there yet.", true},
	{reconcile.StateUnknown, "Unmanaged", "There is a schema of that name that was never managed: it may be taken over.", true},
	{reconcile.StateBehind, "Behind", "Their definition has changed since.", true},
	{reconcile.StateOrphaned, "Orphaned", "No file asks for them any more. Their schemas are left alone.", true},
	{reconcile.StateInSync, "In sync", "They are as they should be.", false},
	{reconcile.StateSuspended, "Suspended", "Nobody may use them. Their data stays.", false},
	{reconcile.StateRetired, "Retired", "They were put aside, and are kept until they are purged.", false},
}

// Word names a state.
func (words) Word(s reconcile.State) string {
	for _, w := range stateWords {
		if w.State == s {
			return w.Word
		}
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

// Plain turns a code, such as definition_changed, into words.
func (words) Plain(code any) string {
	return strings.NewReplacer("_", " ", "-", " ").Replace(fmt.Sprint(code))
}

// Blocked says why a schema may not become what it should be: reasons have words
// of their own, and all else is said as it came.
func (w words) Blocked(why string) string {
	switch reconcile.Reason(why) {
	case reconcile.ReasonDrifted:
		return "It is not as it was left, and the policy has that only reported. Heal mends it all the same."
	case reconcile.ReasonHazard:
		return "What would bring it to its definition is too dangerous for the policy: it destroys data, or is denied in atlas.hcl. The SQL below says what."
	case reconcile.ReasonFirstSeen:
		return "There is a schema of that name that was never managed. It is taken over where the file says adopt: true."
	case reconcile.ReasonProtected:
		return "It is protected. The file has to say otherwise first."
	case reconcile.ReasonUnplanned:
		return "It differs in a way that nothing we know of would mend."
	}
	return "It may not become what it should be: " + w.Plain(why)
}

// Count is a number with what is counted: "1 tenant", "2,000 tenants".
func (words) Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

// Number is a number with its thousands apart.
func (words) Number(n int) string { return thousands(n) }

func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Ago is a moment, said as how long ago it was.
func (w words) Ago(t any) template.HTML {
	var at time.Time
	switch t := t.(type) {
	case time.Time:
		at = t
	case *time.Time:
		if t != nil {
			at = *t
		}
	}
	if at.IsZero() {
		return "never"
	}
	at = at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, at.Format(time.RFC3339), at.Format("2006-01-02 15:04:05 UTC"), since(w.now.Sub(at))))
}

func since(d time.Duration) string {
	later := d < 0
	d = d.Abs()
	var text string
	switch {
	case d < 2*time.Second:
		return "just now"
	case d < 90*time.Second:
		text = fmt.Sprintf("%d s", d/time.Second)
	case d < 90*time.Minute:
		text = fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	case d < 36*time.Hour:
		text = fmt.Sprintf("%d h", d.Round(time.Hour)/time.Hour)
	default:
		text = fmt.Sprintf("%d days", d.Round(24*time.Hour)/(24*time.Hour))
	}
	if later {
		return "in " + text
	}
	return text + " ago"
}

// Took is how long something took.
func (words) Took(from time.Time, to *time.Time) string {
	if to == nil {
		return ""
	}
	return length(to.Sub(from))
}

// Milliseconds is a duration.
func (words) Milliseconds(ms int64) string { return length(time.Duration(ms) * time.Millisecond) }

func length(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Short is the beginning of a commit or of a plan's id.
func (words) Short(id string) string {
	algorithm, hash, ok := strings.Cut(id, ":")
	if !ok {
		algorithm, hash = "", id
	}
	if len(hash) > 10 && (ok || len(hash) == 40) {
		hash = hash[:10]
	}
	if algorithm != "" {
		return algorithm + ":" + hash
	}
	return hash
}

// Labels are a tenant's labels as key=value, sorted.
func (words) Labels(labels map[string]string) []string {
	out := make([]string, 0, len(labels))
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// Applied is when the first of a tenant's schemas was last brought to its
// definition.
func (words) Applied(t runbook.Tenant) *time.Time {
	var last *time.Time
	for _, s := range t.Schemas {
		if s.AppliedAt != nil && (last == nil || s.AppliedAt.After(*last)) {
			last = s.AppliedAt
		}
	}
	return last
}

// Lifecycle names what is to become of a tenant.
func (words) Lifecycle(s state.TenantState) string {
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// Statements are SQL statements as one text.
func (words) Statements(list []string) string {
	var text strings.Builder
	for _, s := range list {
		text.WriteString(laidOut(s) + ";\n")
	}
	return text.String()
}

// planView is a plan with the words to show it in.
type planView struct {
	words
	*planDocument
}

// PlanView joins a plan with words.
func (w words) PlanView(d *planDocument) planView { return planView{w, d} }

// laidOut puts each column and constraint of a CREATE TABLE on a line of its own.
func laidOut(sql string) string {
	if !strings.HasPrefix(sql, "CREATE TABLE ") || strings.Contains(sql, "$") {
		return sql
	}
	var out strings.Builder
	depth, quote := 0, byte(0)
	for i := 0; i < len(sql); i++ {
		c := sql[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			if depth++; depth == 1 {
				out.WriteString("(\n  ")
				continue
			}
		case c == ')':
			if depth--; depth == 0 {
				out.WriteByte('\n')
			}
		case c == ',' && depth == 1:
			out.WriteString(",\n ")
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}
