package admin

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/confirm/consent"
	"github.com/optin/optin/internal/problem"
	"github.com/optin/optin/internal/web/request"
	"github.com/optin/optin/internal/web/respond"
	"github.com/optin/optin/store"
	"github.com/optin/optin/templates/dashboard"
)

// The paths of the trends.
const (
	TrendsPath    = "/admin/trends"
	TrendsCSVPath = "/admin/trends.csv"
)

// Trends has the handlers of what was counted over some time.
type Trends struct {
	*Dashboard
	read recent[trends]
}

// NewTrends returns the trends of a dashboard.
func NewTrends(d *Dashboard) *Trends {
	return &Trends{Dashboard: d, read: recent[trends]{age: d.Recent}}
}

// span is a time that trends can be shown for, until now.
type span struct {
	word, label string
	days        int
	step        store.CountPeriod
	weeks       bool // steps are added up to weeks
}

func spans() []span {
	return []span{
		{"2d", "2 days, by hour", 2, store.ByHour, false},
		{"7d", "7 days", 7, store.ByDay, false},
		{"30d", "30 days", 30, store.ByDay, false},
		{"90d", "90 days", 90, store.ByDay, false},
		{"364d", "52 weeks", 364, store.ByDay, true},
	}
}

// trendQuery is what an address of the trends asks for.
type trendQuery struct {
	site string // empty: all
	span span
	of   confirm.Value
}

// trends is what was read of a store for a query.
type trends struct {
	all    confirm.Trends
	before confirm.Day   // the sum of as many days before
	steps  []confirm.Day // each of the time, those of which nothing was counted too
	hours  []confirm.Day
	zone   *time.Location // in which weekdays and hours are
}

// parse reads a query. It returns the choices of the page as well.
func (t *Trends) parse(
	c echo.Context, more ...string,
) (of trendQuery, choices []dashboard.Choice, q *request.Query, err error) {
	if q, err = request.ParseQuery(c, append(more, "site", "span", "by", "value")...); err != nil {
		return of, nil, nil, err
	}
	var times []dashboard.Option
	of.span = spans()[2]
	for _, s := range spans() {
		times = append(times, dashboard.Option{Value: s.word, Label: s.label})
		if s.word == q.Get("span") {
			of.span = s
		}
	}
	choices = []dashboard.Choice{choice(q, "site", "Site", "All sites", t.as(c).siteOptions())}
	span := choice(q, "span", "Time", "", times)
	span.Options = span.Options[1:]
	for i := range span.Options {
		span.Options[i].Chosen = span.Options[i].Value == of.span.word
	}
	choices = append(choices, span)
	of.site = q.Get("site")
	of.of = confirm.Value{Dimension: q.OneOf("by", dimensionNames()...), ID: q.Get("value")}
	if (of.of.Dimension == "") != (of.of.ID == "") || len(of.of.ID) > 64 {
		q.Fail("value", problem.ChoiceUnknown)
	}
	return of, choices, q, q.Err()
}

// values are the parameters of a query, without those of more that are empty.
func (q trendQuery) values(more ...string) url.Values {
	v := url.Values{"span": {q.span.word}}
	if q.site != "" {
		v.Set("site", q.site)
	}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// path is that of the page, with further parameters in pairs.
func (q trendQuery) path(more ...string) string { return TrendsPath + "?" + q.values(more...).Encode() }

// csv is the path of one of its tables.
func (q trendQuery) csv(table string) string {
	v := q.values("table", table)
	if q.of != (confirm.Value{}) {
		v.Set("by", q.of.Dimension)
		v.Set("value", q.of.ID)
	}
	return TrendsCSVPath + "?" + v.Encode()
}

// get reads what a query asks for, once a second for any number of viewers.
func (t *Trends) get(c echo.Context, q trendQuery) (trends, error) {
	view := &Trends{Dashboard: t.as(c)}
	return t.read.get(view.cacheKey()+q.csv(""), func() (trends, error) { return view.load(c.Request().Context(), q) })
}

func (t *Trends) load(ctx context.Context, q trendQuery) (read trends, err error) {
	var sites []string
	read.zone = time.UTC
	for _, s := range t.Sites {
		if q.site == "" || q.site == s.ID {
			sites = append(sites, s.ID)
			if s.Show.TimeZone != nil && (q.site != "" || len(t.Sites) == 1) {
				read.zone = s.Show.TimeZone
			}
		}
	}
	today := store.ByDay.Start(t.Now())
	first := today.AddDate(0, 0, 1-q.span.days)
	if read.all, err = t.Service.Statistics.Trends(ctx, sites, first, today, q.of); err != nil {
		return read, err
	}
	earlier, last := first.AddDate(0, 0, -q.span.days), first.AddDate(0, 0, -1)
	before, err := t.Service.Statistics.Trends(ctx, sites, earlier, last, q.of)
	if err != nil {
		return read, err
	}
	for _, day := range before.Days {
		addDay(&read.before, day)
	}
	if q.of == (confirm.Value{}) { // values are counted by day alone
		since := first // of the same days as all else, so that sums are the same
		if kept := t.Now().Add(-store.ByHour.Kept()); kept.After(first) {
			since = kept
		}
		for _, id := range sites {
			hours, err := t.Service.Statistics.By(ctx, id, store.ByHour, since, t.Now())
			if err != nil {
				return read, err
			}
			read.hours = append(read.hours, hours...)
		}
	}
	read.steps = read.stepsOf(q, first, t.Now())
	return read, nil
}

// stepsOf returns the sums of each step of the time.
func (r *trends) stepsOf(q trendQuery, first, now time.Time) (steps []confirm.Day) {
	length, from := 24*time.Hour, r.all.Days
	switch {
	case q.span.weeks:
		length = 7 * 24 * time.Hour
	case q.span.step == store.ByHour && q.of == (confirm.Value{}):
		length, from = time.Hour, r.hours
	}
	for at := first; !at.After(now); at = at.Add(length) {
		steps = append(steps, confirm.Day{At: at})
	}
	for _, day := range from {
		if i := int(day.At.Sub(first) / length); !day.At.Before(first) && i < len(steps) {
			addDay(&steps[i], day)
		}
	}
	return steps
}

// Show is the page. What it shows is in its address.
func (t *Trends) Show(c echo.Context) error {
	q, choices, _, err := t.parse(c)
	if err != nil {
		return err
	}
	read, err := t.get(c, q)
	if err != nil {
		return err
	}
	page := dashboard.Trends{Choices: choices, All: q.path(), CSV: q.csv("time"), Step: "Day"}
	var sum confirm.Day
	var signups, confirmations []int64
	for _, s := range read.steps {
		addDay(&sum, s)
		signups, confirmations = append(signups, s.Signups), append(confirmations, s.Confirmations)
		page.Most = max(page.Most, s.Signups, s.Confirmations)
		page.Steps = append(page.Steps, dashboard.TrendStep{
			Label: stepLabel(read, q, s.At), Signups: s.Signups, Confirmations: s.Confirmations,
			Rate: percentOf(s.Confirmations, s.Signups),
		})
	}
	switch {
	case q.span.weeks:
		page.Step = "Week from"
	case q.span.step == store.ByHour && q.of == (confirm.Value{}):
		page.Step = "Hour (UTC)"
	}
	if q.of.ID != "" {
		page.Of = q.of.Dimension + " " + t.nameOfValue(c.Request().Context(), q.of)
	}
	page.Says = timeSays(sum, read.before, q.span)
	if page.Most > 0 {
		page.Lines = dashboard.LineChart("lines", "Signups and confirmations over time", page.Says,
			signups, confirmations)
		page.From, page.To = page.Steps[0].Label, page.Steps[len(page.Steps)-1].Label
	}
	t.showWeek(&page, q, read)
	for _, d := range dimensions() {
		if shown := t.parts(c.Request().Context(), q, d, d.of(read.all)); len(shown.Rows) > 0 {
			page.Parts = append(page.Parts, shown)
		}
	}
	return t.page(c, http.StatusOK, page)
}

// stepLabel writes when a step begins.
func stepLabel(read trends, q trendQuery, at time.Time) string {
	if q.span.step == store.ByHour && len(read.steps) > q.span.days {
		return at.Format("2 Jan, 15 h")
	}
	return at.Format("2 Jan 2006")
}

// timeSays says in one sentence what the lines show.
func timeSays(sum, before confirm.Day, s span) string {
	if sum.Signups == 0 && sum.Confirmations == 0 {
		return "Nobody signed up or confirmed in the last " + dashboard.Count(s.days, "day") + "."
	}
	verb := "were"
	if sum.Signups == 1 {
		verb = "was"
	}
	says := fmt.Sprintf("In the last %s there %s %s and %s", dashboard.Count(s.days, "day"), verb,
		dashboard.Count(int(sum.Signups), "signup"), dashboard.Count(int(sum.Confirmations), "confirmation"))
	if part := percentOf(sum.Confirmations, sum.Signups); part != "" {
		says += " (" + part + ")"
	}
	if before.Signups > 0 {
		says += ". Signups: " + change(sum.Signups, before.Signups) + ", against as many days before"
	}
	return says + "."
}

// showWeek adds signups and confirmations by weekday and hour.
func (t *Trends) showWeek(page *dashboard.Trends, q trendQuery, read trends) {
	signups, confirmations := read.week()
	var most, all int64
	var day, hour int
	for d := range signups {
		for h, n := range signups[d] {
			if all += n; n > most {
				most, day, hour = n, d, h
			}
		}
	}
	if all == 0 {
		return
	}
	page.WeekZone, page.WeekCSV = read.zone.String(), q.csv("week")
	page.WeekSays = fmt.Sprintf("Of %s, most came on %ss between %d and %d h (%d).",
		dashboard.Count(int(all), "signup"), weekday(day), hour, hour+1, most)
	if q.span.days > int(store.ByHour.Kept()/(24*time.Hour)) {
		page.WeekSays += " These are of the last five weeks, for which hours are kept."
	}
	page.Week = dashboard.HeatChart("weekdays", "Signups by weekday and hour", page.WeekSays, signups)
	for h := range 24 {
		row := dashboard.TrendHour{Hour: h}
		for d := range 7 {
			row.Days = append(row.Days, dashboard.TrendStep{
				Label: weekday(d)[:3], Signups: signups[d][h], Confirmations: confirmations[d][h],
			})
		}
		page.WeekHours = append(page.WeekHours, row)
	}
}

// weekday is the name of a day of the week, Monday first.
func weekday(n int) string { return time.Weekday((n + 1) % 7).String() }

// week adds up hours by weekday, Monday first.
func (r trends) week() (signups, confirmations [7][24]int64) {
	for _, h := range r.hours {
		at := h.At.In(r.zone)
		d := (int(at.Weekday()) + 6) % 7
		signups[d][at.Hour()] += h.Signups
		confirmations[d][at.Hour()] += h.Confirmations
	}
	return signups, confirmations
}

// CSV is one of the page's tables as a file.
func (t *Trends) CSV(c echo.Context) error {
	q, _, query, err := t.parse(c, "table")
	if err != nil {
		return err
	}
	table := cmp.Or(query.OneOf("table", append(dimensionNames(), "time", "week")...), "time")
	if err := query.Err(); err != nil {
		return err
	}
	read, err := t.get(c, q)
	if err != nil {
		return err
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	var rows [][]string
	switch table {
	case "time":
		rows = append(rows, []string{"from", "signups", "confirmations"})
		for _, s := range read.steps {
			rows = append(rows, []string{s.At.Format(time.RFC3339), number(s.Signups), number(s.Confirmations)})
		}
	case "week":
		rows = append(rows, []string{"weekday", "hour", "signups", "confirmations"})
		signups, confirmations := read.week()
		for d := range 7 {
			for h := range 24 {
				rows = append(rows, []string{
					weekday(d), strconv.Itoa(h), number(signups[d][h]), number(confirmations[d][h]),
				})
			}
		}
	default:
		rows = append(rows, []string{table, "signups", "confirmations", "undeliverable"})
		d := dimensions()[slices.Index(dimensionNames(), table)]
		for _, p := range d.of(read.all) {
			rows = append(rows, []string{
				inert(p.ID), number(p.Signups), number(p.Confirmations), number(p.Undeliverable),
			})
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // into memory
	name := "trends-" + q.span.word + "-" + table + ".csv"
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return respond.Bytes(c, http.StatusOK, "text/csv; charset=utf-8", []byte(b.String()))
}

// dimension is one by which signups and confirmations are counted.
type dimension struct{ name, title, column string }

func dimensions() []dimension {
	return []dimension{
		{consent.DimensionPurpose, "By purpose", "Purpose"},
		{consent.DimensionForm, "By form", "Form"},
		{consent.DimensionLanguage, "By language", "Language"},
		{consent.DimensionText, "By wording", "Wording"},
		{consent.DimensionProvider, "By mailbox provider", "Provider"},
	}
}

// of returns what was counted by the dimension.
func (d dimension) of(t confirm.Trends) []confirm.Part {
	switch d.name {
	case consent.DimensionPurpose:
		return t.Purposes
	case consent.DimensionForm:
		return t.Forms
	case consent.DimensionLanguage:
		return t.Languages
	case consent.DimensionText:
		return t.Texts
	}
	return t.Providers
}

func dimensionNames() (all []string) {
	for _, d := range dimensions() {
		all = append(all, d.name)
	}
	return all
}

// maxParts is how many values of a dimension a page shows; the file has all.
const maxParts = 20

// parts shows what was counted by one dimension.
func (t *Trends) parts(ctx context.Context, q trendQuery, d dimension, all []confirm.Part) dashboard.TrendParts {
	shown := dashboard.TrendParts{Name: d.name, Title: d.title, Column: d.column, CSV: q.csv(d.name)}
	most := int64(1)
	for _, p := range all {
		most = max(most, p.Signups, p.Confirmations)
	}
	var texts []wording
	for i, p := range all {
		if i == maxParts && p.ID != consent.OtherValue {
			says := fmt.Sprintf("The largest %d of %d are shown; the file has all.", maxParts, len(all))
			shown.Says = append(shown.Says, says)
			break
		}
		row := dashboard.TrendPart{
			Label: p.ID, Path: q.path("by", d.name, "value", p.ID), Signups: p.Signups,
			Confirmations: p.Confirmations, Rate: percentOf(p.Confirmations, p.Signups),
			Width: width(p.Signups, most), WidthConfirmed: width(p.Confirmations, most),
		}
		switch d.name {
		case consent.DimensionText:
			if doc, _, err := t.Service.Statement(ctx, p.ID); err == nil {
				row.Label, row.Detail = "“"+doc.Text+"”", doc.Purpose.ID+", "+doc.Language
				row.Text = "/texts/" + p.ID
				texts = append(texts, wording{doc.Site + "/" + doc.Purpose.ID + "/" + doc.Language, row.Label, p})
			}
		case consent.DimensionProvider:
			if p.Undeliverable > 0 {
				row.Detail = dashboard.Count(int(p.Undeliverable), "request") + " undeliverable"
			}
			if p.ID == consent.OtherValue { // of several, so it has no line of its own
				row.Path = ""
			}
		}
		shown.Rows = append(shown.Rows, row)
	}
	shown.Says = append(partsSay(d, shown.Rows), shown.Says...)
	shown.Says = append(shown.Says, compareWordings(texts)...)
	return shown
}

// partsSay says in a sentence what the table of a dimension shows.
func partsSay(d dimension, rows []dashboard.TrendPart) []string {
	var all int64
	for _, r := range rows {
		all += r.Signups
	}
	if len(rows) == 0 || all == 0 {
		return nil
	}
	says := rows[0].Label + " has the most signups"
	if d.name == consent.DimensionPurpose || d.name == consent.DimensionText { // a signup may be of several
		says += ": " + dashboard.Count(int(rows[0].Signups), "signup") + "."
	} else {
		says += ": " + percentOf(rows[0].Signups, all) + " of " + dashboard.Count(int(all), "signup") + "."
	}
	switch d.name {
	case consent.DimensionForm:
		says += " Only forms that the site lists are told apart; all else is other."
	case consent.DimensionProvider:
		says += " Large providers with 5 signups or confirmations and more are told apart; all else is other."
	}
	return []string{says}
}

// nameOfValue writes a value of a dimension.
func (t *Trends) nameOfValue(ctx context.Context, of confirm.Value) string {
	if of.Dimension == consent.DimensionText {
		if doc, _, err := t.Service.Statement(ctx, of.ID); err == nil {
			return "“" + doc.Text + "” (" + doc.Language + ")"
		}
	}
	return of.ID
}
