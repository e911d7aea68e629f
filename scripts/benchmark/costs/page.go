package costs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"unsend/scripts/benchmark/prices"
)

const million = 1e6

// row is a line of a table of dollars.
type row struct {
	name string
	use  prices.Use
}

// Page is docs/costs.md. It plays in bubbles.
func Page(bubble func(func())) (string, error) {
	m, err := newModel(bubble)
	if err != nil {
		return "", err
	}
	var page strings.Builder
	fmt.Fprintf(&page, `# What it costs

Made by `+"`scripts/bench costs`"+`. US dollars by the list prices of %s as they were known in %s, without free tiers and without discounts of large volumes: compare both figures and names with AWS's pages before you quote.
Every figure comes from a count that a test makes, a price of the list below, or an assumption that stands below.

## A million of each

%s
A revoke comes with its record (the audit, and the reading of its row), one in an invocation, a message with none as long as no event bus is told; who is told of it is the next table. An hour is one of a connection that is told of nothing and
pings %s times. A connect is of an account in one server, with its authorization and the disconnect at the end.

## A million messages, told

By how many devices are told of each, which is nearly all of what a busy channel costs. A revoke is told for the same, also one of a batch: that several of one
channel are told in one frame is in no figure here.

%s
## A million revokes, told fast

With `+"`FastRevocations`"+` revoke puts the ids into the push queue itself, push tells everybody, and notify tells them again. `+"`scripts/bench revocations`"+` measures what is won (docs/revocations.md).
More devices than these cost twice as much, too, and a few requests to the queue more.

%s
`, m.prices.Region, m.prices.AsOf, m.dollars(m.each()), number(m.Pings), m.telling(), m.tellingFast())
	for i, team := range m.Teams {
		if i == 0 {
			page.WriteString("## Three teams, a month\n")
		}
		fmt.Fprintf(&page, "\n**%s**: %s. %s devices are told of a message.\n\n%s", team.Name, team.Says, number(float64(team.Audience)), m.dollars(m.month(team)))
	}
	fmt.Fprintf(&page, "\n## What it is computed from\n\n%s\n%s\n%s", m.counting(), m.assuming(), m.pricing())
	return page.String(), nil
}

// each is what a million of each take.
func (m *model) each() []row {
	rows := []row{
		{"messages", m.message()},
		{"revokes by the author", m.revoke("own")},
		{"revokes by a moderator", m.revoke("moderator")},
		{"revokes that are refused", m.refusal()},
		{"batches of 100 revokes", m.purge()},
		{"pages of 50 of the history", m.history()},
		{"syncs with 50 updates", m.sync()},
		{"pings", m.ping()},
		{"connects", m.connect()},
		{"connection hours", m.hour()},
	}
	for i := range rows {
		rows[i].use = rows[i].use.Times(million)
	}
	return rows
}

// month is what a team's month takes. Every batch of revokes is told like a hundred of them.
func (m *model) month(t Team) []row {
	message, revoke := m.told[t.Audience][0], m.told[t.Audience][1]
	revokes := t.Revokes + t.Moderations + 100*t.Purges
	rows := []row{
		{number(t.Messages) + " messages", m.message().Times(t.Messages)},
		{number(t.Messages*float64(t.Audience)) + " notices of them", message.Times(t.Messages)},
		{number(revokes) + " revokes, " + number(t.Refusals) + " refused", m.revoke("own").Times(t.Revokes).Plus(m.revoke("moderator").Times(t.Moderations)).
			Plus(m.purge().Times(t.Purges)).Plus(m.refusal().Times(t.Refusals))},
		{number(revokes*float64(t.Audience)) + " notices of them", revoke.Times(revokes)},
		{number(t.Histories) + " pages of history, " + number(t.Syncs) + " syncs", m.history().Times(t.Histories).Plus(m.sync().Times(t.Syncs))},
		{number(t.Connects) + " connects, " + number(t.Hours) + " hours", m.connect().Times(t.Connects).Plus(m.hour().Times(t.Hours))},
	}
	all := prices.Use{}
	for _, r := range rows {
		all = all.Plus(r.use)
	}
	return append(rows, row{"**a month**", all})
}

// dollars is a table of them.
func (m *model) dollars(rows []row) string {
	var text strings.Builder
	text.WriteString("| | API Gateway | Lambda | DynamoDB | SQS | logs | dollars |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		b := m.prices.Bill(r.use)
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | **%s** |\n",
			r.name, money(b.Gateway), money(b.Lambda), money(b.DynamoDB), money(b.SQS), money(b.Logs), money(b.Total()))
	}
	return text.String()
}

// tellingFast is what a million revokes take to be told, without and with FastRevocations.
func (m *model) tellingFast() string {
	var text strings.Builder
	text.WriteString("| devices | invocations | read units | queue requests | posts | dollars for a million | without it |\n|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, devices := range m.Audiences {
		fast, ok := m.fast[devices]
		if !ok {
			continue
		}
		plain := m.told[devices][1]
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | %s |\n", number(float64(devices)), number(fast.Requests), number(fast.Reads), number(fast.SQS), number(fast.Messages),
			money(m.prices.Bill(fast.Times(million)).Total()), money(m.prices.Bill(plain.Times(million)).Total()))
	}
	return text.String()
}

// telling is what a million messages take by their audience.
func (m *model) telling() string {
	var text strings.Builder
	text.WriteString("| devices | invocations | read units | queue requests | dollars for a million messages | dollars for a million notices |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, devices := range m.Audiences {
		use := m.told[devices][0]
		total := m.prices.Bill(use.Times(million)).Total()
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", number(float64(devices)), number(use.Requests), number(use.Reads), number(use.SQS), money(total), money(total/float64(devices)))
	}
	return text.String()
}

// counting are the counts.
func (m *model) counting() string {
	scene, _ := Counts() // newModel has read it
	var text strings.Builder
	fmt.Fprintf(&text, "What each takes, counted by `shared/dynamo/meter` with %d messages and %d members; docs/operations.md shows that it does not grow with either.\n\n"+
		"| | read units | write units | bytes of log | bytes of answer |\n|---|---:|---:|---:|---:|\n", scene.History, scene.Members)
	for _, each := range scene.Operations {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s |\n", each.Name, number(each.Reads), number(each.Writes), number(float64(each.LogBytes)), number(float64(each.Answer)))
	}
	return text.String()
}

// functionNames are in the order in which they are shown.
var functionNames = []string{"authorize", "connect", "disconnect", "session", "send", "revoke", "revoke_batch_of_100", "read", "record"}

// assuming are the assumptions, and what is left out.
func (m *model) assuming() string {
	var text strings.Builder
	text.WriteString("Assumed of a warm invocation, of which Lambda bills the milliseconds:\n\n| function | MB | ms |\n|---|---:|---:|\n")
	for _, name := range functionNames {
		f := m.Functions[name]
		fmt.Fprintf(&text, "| %s | %s | %s |\n", strings.ReplaceAll(name, "_", " "), number(f.MemoryMB), number(f.Milliseconds))
	}
	fmt.Fprintf(&text, "\nThe durations of notify and push are played as `scripts/bench fanout` does, with posts of 10 ms and everybody well. Lambda's own lines in a log are assumed to be %s bytes an invocation, authorize's own %s.\n\n",
		number(m.PlatformLog), number(m.AuthorizeLog))
	text.WriteString("Left out: what the tables, backups and logs keep, data transfer out, cold starts, the event bus, key look-ups of authorize, the Server API, sweeps, and what stands without traffic (README, Deploy to AWS). " +
		"So is what SQS asks more for the messages of fair queues, as ours are: since 2025-07, after the list below, it is said to be 0.10 a million requests; see its page.\n")
	return text.String()
}

// pricing are the prices.
func (m *model) pricing() string {
	var text strings.Builder
	fmt.Fprintf(&text, "List prices, `scripts/benchmark/prices/prices.yaml`:\n\n| usage | what | dollars | page |\n|---|---|---:|---|\n")
	for _, name := range prices.Names {
		p := m.prices.Prices[name]
		dollars := "free"
		if p.Dollars > 0 {
			dollars = strconv.FormatFloat(p.Dollars, 'f', -1, 64)
			if p.Per > 1 {
				dollars += " a million"
			}
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", p.Usage, p.Says, dollars, p.Page)
	}
	return text.String()
}

// money has cents, and no more than three digits that say something from a hundred on.
func money(d float64) string {
	if d >= 100 {
		return number(math.Round(d))
	}
	return fmt.Sprintf("%.2f", d)
}

// number has commas, and a decimal where it needs one.
func number(n float64) string {
	text := strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}
