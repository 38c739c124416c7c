package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// elsewhere are label values that alerts and dashboard name and that no healthy server shows; each must stand, as a word in
// quotes, in the file that counts it.
var elsewhere = map[string]string{
	`parley_http_requests_total status="5xx"`:          "internal/server/access.go xx",
	`parley_object_requests_total outcome="failed"`:    "storage/object/s3/metrics.go failed",
	`parley_cluster_calls_total outcome="unreachable"`: "internal/cluster/metrics.go unreachable",
}

// foreign are series that the server does not expose itself.
var foreign = map[string]string{
	"up":                          "Prometheus's own, of each scrape",
	"ALERTS":                      "Prometheus's own, of its rules",
	"node_filesystem_avail_bytes": "of node_exporter, which OPERATIONS.md calls optional",
	"node_filesystem_size_bytes":  "as above",
}

// scraped are labels that the scrape adds, or an alert has.
var scraped = []string{"job", "instance", "le", "mountpoint", "alertname", "alertstate"}

// observed holds alerts and dashboard against what servers expose: `observed DEPLOY METRICS…`, the metrics in files as they came from
// /metrics. What an expression names must be there, with its labels; and every metric of ours must be on the dashboard.
func observed() {
	flag.Parse()
	if flag.NArg() < 2 {
		fail(errUsageOfTest)
	}
	have := exposed{}
	for _, name := range flag.Args()[1:] {
		fail(have.read(name))
	}
	rules, err := alertsOf(filepath.Join(flag.Arg(0), "alerts.yaml"))
	fail(err)
	panels, err := panelsOf(filepath.Join(flag.Arg(0), "grafana", "parley.json"))
	fail(err)
	var wrong []string
	for _, r := range rules {
		wrong = append(wrong, have.lacks(r.Alert, r.Expr, r.Annotations["summary"])...)
	}
	shown := map[string]bool{}
	for _, p := range panels {
		for _, target := range p.Targets {
			wrong = append(wrong, have.lacks(p.Title, target.Expr, target.Legend)...)
			for _, use := range uses(target.Expr) {
				shown[have.family(use.name)] = true
			}
		}
	}
	for name := range have {
		if strings.HasPrefix(name, "parley_") && !shown[name] {
			wrong = append(wrong, name+" is exposed and on no panel of the dashboard")
		}
	}
	slices.Sort(wrong)
	fmt.Println(len(have), "metrics,", len(rules), "alerts,", len(panels), "panels")
	if len(wrong) > 0 {
		fail(fmt.Errorf("%s", strings.Join(wrong, "\n")))
	}
}

// exposed is what servers expose: by metric, the labels and their values.
type exposed map[string]map[string][]string

var (
	typeLine   = regexp.MustCompile(`^# TYPE (\S+) (\S+)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)
)

func (e exposed) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := typeLine.FindStringSubmatch(lines.Text()); m != nil && e[m[1]] == nil {
			e[m[1]] = map[string][]string{}
		}
		m := sampleLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		labels := e[e.family(m[1])]
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			labels[pair[1]] = append(labels[pair[1]], pair[2])
		}
	}
	return lines.Err()
}

// family is the metric to which a series belongs: that of a histogram has three kinds.
func (e exposed) family(series string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base := strings.TrimSuffix(series, suffix); base != series && e[base] != nil {
			return base
		}
	}
	return series
}

// lacks says what an expression, and the text beside it, names that nobody exposes.
func (e exposed) lacks(where, expr, text string) (wrong []string) {
	all := uses(expr)
	if len(all) == 0 {
		wrong = append(wrong, where+": no metric in "+expr)
	}
	known := slices.Clone(scraped)
	for _, use := range all {
		labels, ok := e[e.family(use.name)]
		if !ok && foreign[use.name] == "" {
			wrong = append(wrong, fmt.Sprintf("%s: nobody exposes %s", where, use.name))
		}
		for label, value := range use.labels {
			wrong = append(wrong, e.unseen(where, use.name, label, value)...)
		}
		for label := range labels {
			known = append(known, label)
		}
	}
	for _, label := range append(grouped(expr), named(text)...) {
		if !slices.Contains(known, label) {
			wrong = append(wrong, fmt.Sprintf("%s: no label %s", where, label))
		}
	}
	return wrong
}

// unseen says that a metric lacks a label, or that nobody has seen it with the value. A value that only a pattern names is
// not looked at.
func (e exposed) unseen(where, metric, label, value string) []string {
	if slices.Contains(scraped, label) {
		return nil
	}
	values, ok := e[e.family(metric)][label]
	if !ok {
		return []string{fmt.Sprintf("%s: %s has no label %s", where, metric, label)}
	}
	if value == "" || slices.Contains(values, value) || elsewhere[fmt.Sprintf("%s %s=%q", metric, label, value)] != "" {
		return nil
	}
	return []string{fmt.Sprintf("%s: nobody has seen %s with %s=%q; prove it in the table elsewhere", where, metric, label, value)}
}

// use is a metric as an expression names it. The value of a label is empty where it is not told exactly.
type use struct {
	name   string
	labels map[string]string
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	ranges   = regexp.MustCompile(`\[[^\]]*\]`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	selector = regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\()?`) // a number or duration begins no word
	matcher  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	mention  = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// uses are the metrics of an expression of PromQL: words that are no function, no operator and not in a grouping.
func uses(expr string) (all []use) {
	expr = ranges.ReplaceAllString(grouping.ReplaceAllString(expr, ""), "")
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		if m[2] == "(" || slices.Contains([]string{"and", "or", "unless", "bool", "offset"}, m[1]) {
			continue
		}
		u := use{m[1], map[string]string{}}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if u.labels[l[1]] = ""; l[2] == "=" {
				u.labels[l[1]] = l[3]
			}
		}
		all = append(all, u)
	}
	return all
}

// grouped are the labels by which an expression groups.
func grouped(expr string) (labels []string) {
	for _, m := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(expr, ""), -1) {
		labels = append(labels, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return labels
}

// named are the labels that a legend or a summary shows.
func named(text string) (labels []string) {
	for _, m := range mention.FindAllStringSubmatch(text, -1) {
		labels = append(labels, m[1])
	}
	return labels
}

type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alertsOf(file string) (all []alert, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rules struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal(text, &rules); err != nil {
		return nil, err
	}
	for _, g := range rules.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}

type panel struct {
	Title   string
	Targets []struct {
		Expr   string
		Legend string `json:"legendFormat"`
	}
}

// panelsOf are the panels that show something: rows only part them.
func panelsOf(file string) ([]panel, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var board struct{ Panels []panel }
	if err := json.Unmarshal(text, &board); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(board.Panels, func(p panel) bool { return len(p.Targets) == 0 }), nil
}

func TestExpressionsAreReadForWhatTheyName(t *testing.T) {
	expr := `histogram_quantile(0.99, sum by (instance, le) (rate(a_bucket{x="1", y=~"2.*"}[5m]))) > 1e3 and on (job) b offset 5m`
	got := uses(expr)
	if len(got) != 2 || got[0].name != "a_bucket" || got[0].labels["x"] != "1" || got[0].labels["y"] != "" || len(got[0].labels) != 2 || got[1].name != "b" {
		t.Errorf("uses %v", got)
	}
	if got := strings.Join(grouped(expr), " "); got != "instance le job" {
		t.Errorf("groups by %s", got)
	}
	have := exposed{"a": {"x": {"1"}, "y": {"2"}}}
	for _, c := range []struct {
		expr, text string
		want       int
	}{
		{`rate(a_bucket{x="1"}[5m])`, "{{x}}", 0},
		{`rate(a_bucket{x="2"}[5m])`, "", 1},
		{`a_count{z="1"}`, "", 1},
		{`sum by (z) (a_count)`, "", 1},
		{`a_count`, "{{ $labels.z }}", 1},
		{`missing > 0`, "", 1},
		{`1 + 1`, "", 1},
		{`up == 0`, "{{instance}}", 0},
	} {
		if got := have.lacks("test", c.expr, c.text); len(got) != c.want {
			t.Errorf("%s: %q, want %d", c.expr, got, c.want)
		}
	}
}

// TestWhatNoServerShowsIsCountedSomewhere holds the table elsewhere against the code.
func TestWhatNoServerShowsIsCountedSomewhere(t *testing.T) {
	for use, where := range elsewhere {
		file, word, _ := strings.Cut(where, " ")
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		metric, _, _ := strings.Cut(use, " ")
		if !strings.Contains(string(text), metric) || !strings.Contains(string(text), `"`+word+`"`) {
			t.Errorf("%s does not count %s", file, use)
		}
	}
}

// TestEveryAlertHasItsPage wants words for whoever is woken, and a heading in OPERATIONS.md for each alert and no other.
func TestEveryAlertHasItsPage(t *testing.T) {
	rules, err := alertsOf("../../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../deploy/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings, alerts []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (Parley[A-Z]\w+)$`).FindAllStringSubmatch(string(page), -1) {
		headings = append(headings, m[1])
	}
	for _, r := range rules {
		alerts = append(alerts, r.Alert)
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if len(r.Annotations["summary"]) < 40 {
			t.Errorf("%s says only %q", r.Alert, r.Annotations["summary"])
		}
		if want := "OPERATIONS.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want {
			t.Errorf("%s leads to %q, want %q", r.Alert, r.Annotations["runbook"], want)
		}
	}
	slices.Sort(headings)
	slices.Sort(alerts)
	if !slices.Equal(headings, alerts) {
		t.Errorf("OPERATIONS.md explains %v\nalerts are %v", headings, alerts)
	}
}
