package cloudwatch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// Metric math, of which the template has SUM(METRICS()) and IF with >= and OR (CloudWatch user guide, "Using math expressions with
// CloudWatch metrics"). A sum is that of the values which are there. Anything else has no value where a part has none.

// expression is one of metric math, of the values of one period.
type expression interface {
	value(values) (float64, bool) // false: there is none
	names() []string              // the ids that it names
}

// values are those of the metrics that have one, by their ids.
type values map[string]float64

type (
	constant float64
	variable string
	sum      struct{}
	choice   struct{ condition, yes, no expression }
	both     struct {
		operator token.Token
		x, y     expression
	}
)

// operators give 1 where they hold, and 0 where they do not.
var operators = map[token.Token]func(x, y float64) bool{
	token.GEQ: func(x, y float64) bool { return x >= y },
	token.LOR: func(x, y float64) bool { return x != 0 || y != 0 },
}

// parse reads an expression, which but for OR is one of Go, too.
func parse(text string) (expression, error) {
	tree, err := parser.ParseExpr(strings.ReplaceAll(text, " OR ", " || "))
	if err != nil {
		return nil, fmt.Errorf("the expression %s: %w", text, err)
	}
	return translate(text, tree)
}

func translate(text string, tree ast.Expr) (expression, error) {
	switch e := tree.(type) {
	case *ast.BasicLit:
		n, err := strconv.ParseFloat(e.Value, 64)
		return constant(n), err
	case *ast.Ident:
		return variable(e.Name), nil
	case *ast.BinaryExpr:
		if operators[e.Op] != nil {
			parts, err := translateAll(text, e.X, e.Y)
			return both{e.Op, parts[0], parts[1]}, err
		}
	case *ast.CallExpr:
		return call(text, e)
	}
	return nil, fmt.Errorf("the expression %s has a part of an unknown form", text)
}

func translateAll(text string, trees ...ast.Expr) ([]expression, error) {
	list := make([]expression, len(trees))
	for i, tree := range trees {
		var err error
		if list[i], err = translate(text, tree); err != nil {
			return list, err
		}
	}
	return list, nil
}

func call(text string, e *ast.CallExpr) (expression, error) {
	switch name, _ := e.Fun.(*ast.Ident); {
	case name == nil:
	case name.Name == "IF" && len(e.Args) == 3:
		parts, err := translateAll(text, e.Args...)
		return choice{parts[0], parts[1], parts[2]}, err
	case name.Name == "SUM" && len(e.Args) == 1 && isMetrics(e.Args[0]):
		return sum{}, nil
	}
	return nil, fmt.Errorf("the expression %s calls an unknown function", text)
}

// isMetrics: METRICS(), all that have an id.
func isMetrics(tree ast.Expr) bool {
	e, ok := tree.(*ast.CallExpr)
	if !ok || len(e.Args) != 0 {
		return false
	}
	name, ok := e.Fun.(*ast.Ident)
	return ok && name.Name == "METRICS"
}

func (c constant) value(values) (float64, bool)    { return float64(c), true }
func (v variable) value(in values) (float64, bool) { n, ok := in[string(v)]; return n, ok }

func (sum) value(in values) (total float64, ok bool) {
	for _, n := range in {
		total += n
	}
	return total, len(in) > 0
}

func (c choice) value(in values) (float64, bool) {
	condition, ok1 := c.condition.value(in)
	yes, ok2 := c.yes.value(in)
	no, ok3 := c.no.value(in)
	if condition != 0 {
		no = yes
	}
	return no, ok1 && ok2 && ok3
}

func (b both) value(in values) (float64, bool) {
	x, ok1 := b.x.value(in)
	y, ok2 := b.y.value(in)
	if !ok1 || !ok2 || !operators[b.operator](x, y) {
		return 0, ok1 && ok2
	}
	return 1, true
}

func (constant) names() []string   { return nil }
func (v variable) names() []string { return []string{string(v)} }
func (sum) names() []string        { return nil }
func (c choice) names() []string {
	return append(append(c.condition.names(), c.yes.names()...), c.no.names()...)
}
func (b both) names() []string { return append(b.x.names(), b.y.names()...) }
