package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"tenantry/internal/runbook"
	"tenantry/reconcile"
)

// perPage is how many tenants a page lists, and perGroup how many it shows of
// those that somebody should look at.
const (
	perPage  = 100
	perGroup = 6
)

// fleetData is what the page of the fleet shows.
type fleetData struct {
	Total    int
	Bands    []band
	Filter   url.Values
	Filtered bool
	Groups   []group
	Page     runbook.Tenants
	Choices  choices
	First    bool
}

// A band is a state with the tenants in it, and its part of the bar, of 1000.
type band struct {
	State       reconcile.State
	Word, Means string
	N           int
	At, Width   float64
}

// A group is tenants of a state that somebody should look at.
type group struct {
	band
	Tenants []runbook.Tenant
}

// More is how many of them are not shown.
func (g group) More() int { return g.N - len(g.Tenants) }

// fleet is the page of all tenants.
func (p *Pages) fleet(w http.ResponseWriter, r *http.Request, v *view) error {
	d := fleetData{Filter: filterOf(r.URL.Query()), Choices: p.choices()}
	d.Filtered = len(d.Filter) > 0
	asked := url.Values{"limit": {strconv.Itoa(perPage)}}
	for k, values := range d.Filter {
		asked[k] = values
	}
	after := r.URL.Query().Get("after")
	d.First = after == ""
	if !d.First {
		asked.Set("after", after)
	}
	if err := v.get(&d.Page, "/tenants?%s", asked); err != nil {
		return err
	}
	d.bands()
	for _, b := range d.Bands {
		if d.Filtered || !d.First || !urgent(b.State) {
			continue
		}
		var of runbook.Tenants
		if err := v.get(&of, "/tenants?%s", url.Values{"state": {string(b.State)}, "limit": {strconv.Itoa(perGroup)}}); err != nil {
			return err
		}
		d.Groups = append(d.Groups, group{b, of.Tenants})
	}
	v.Title, v.Here, v.Data = "Fleet", "fleet", d
	return v.show(w, http.StatusOK, "fleet")
}

// filterOf takes what the API filters by, and drops what a form leaves empty.
func filterOf(q url.Values) url.Values {
	filter := make(url.Values)
	for _, k := range []string{"q", "state", "label", "service", "database"} {
		for _, value := range q[k] {
			if value != "" && !slices.Contains(filter[k], value) {
				filter.Add(k, value)
			}
		}
	}
	return filter
}

func urgent(s reconcile.State) bool {
	for _, w := range stateWords {
		if w.State == s {
			return w.Urgent
		}
	}
	return true
}

func (d *fleetData) bands() {
	for _, n := range d.Page.Summary {
		d.Total += n
	}
	at := 0.0
	for _, w := range stateWords {
		n := d.Page.Summary[w.State]
		if n == 0 {
			continue
		}
		width := 1000 * float64(n) / float64(d.Total)
		d.Bands = append(d.Bands, band{w.State, w.Word, w.Means, n, at, width})
		at += width
	}
}

// NextPage is the query of the next page, or "".
func (d fleetData) NextPage() string {
	if d.Page.Next == "" {
		return ""
	}
	q := d.FirstPage()
	q.Set("after", d.Page.Next)
	return q.Encode()
}

// FirstPage is the query of the first page.
func (d fleetData) FirstPage() url.Values {
	q := make(url.Values)
	for k, values := range d.Filter {
		q[k] = values
	}
	return q
}

// With is the filter's query with one value changed.
func (d fleetData) With(key, value string) string {
	q := d.FirstPage()
	q.Set(key, value)
	if value == "" {
		q.Del(key)
	}
	return q.Encode()
}

// choices are what forms offer.
type choices struct {
	Services, Databases []string
}

func (p *Pages) choices() (c choices) {
	w := p.Observation().World
	if w == nil {
		return c
	}
	c.Services = slices.Clone(w.File.Defaults.Services)
	for i := range w.File.Tenants {
		for _, s := range w.File.Tenants[i].Services {
			if !slices.Contains(c.Services, s) {
				c.Services = append(c.Services, s)
			}
		}
	}
	for _, db := range w.File.Databases {
		c.Databases = append(c.Databases, db.Name)
	}
	return c
}
