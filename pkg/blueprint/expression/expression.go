// Package expression works out what a Blueprint's author wrote between settings: whether a dependency is needed, and
// which settings it gets. The language is CEL without loops. An expression may have been written by anybody, so it has a
// bounded length, cost and result, and reaches nothing but its Scope.
package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Limits of one expression.
const (
	maxLength = 1000
	maxNested = 40
	maxCost   = 10_000
	maxResult = 64 << 10
)

// Scope is what an expression can ask for.
type Scope struct {
	// Config are the settings of the Blueprint that the expression stands in, with their defaults: values as JSON knows
	// them, whole numbers as int64.
	Config map[string]any
	// Application is the name of the Application that is installed from that Blueprint.
	Application, Organization string
	Environment, EnvType      string

	variables map[string]any
}

// Ready is the scope made ready for several expressions. Config must not change after that.
func (s Scope) Ready() Scope {
	s.variables = map[string]any{
		"config":      s.Config,
		"application": map[string]string{"name": s.Application, "organization": s.Organization},
		"environment": map[string]string{"name": s.Environment, "type": s.EnvType},
	}
	return s
}

// fields of the variables that are not settings.
var fields = map[string][]string{"application": {"name", "organization"}, "environment": {"name", "type"}}

// language is CEL with has() as its only macro, and without what reads the world (time zones) or costs more than it
// looks (patterns).
var language = func() *cel.Env {
	subset := &env.LibrarySubset{IncludeMacros: []string{operators.Has}}
	for _, name := range []string{
		operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Equals, operators.NotEquals,
		operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.Add, operators.Subtract,
		operators.Multiply, operators.Divide, operators.Modulo, operators.Negate, operators.Index, operators.In,
		"size", "contains", "startsWith", "endsWith", "string", "int", "double", "bool",
	} {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(name))
	}
	names := cel.MapType(cel.StringType, cel.StringType)
	e, err := cel.NewCustomEnv(
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.Variable("config", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("application", names),
		cel.Variable("environment", names),
		cel.ParserRecursionLimit(maxNested),
		cel.ParserExpressionSizeLimit(maxLength),
	)
	if err != nil {
		panic(err) // nothing from outside is in it
	}
	return e
}()

// program is a compiled expression.
type program struct {
	source string
	kind   *cel.Type
	run    cel.Program
	asks   []Ask
}

// Ask is a setting that an expression asks for.
type Ask struct {
	// Path has the names from the outside in.
	Path []string
	// Guarded is true when has() asks for it, so that it may be missing.
	Guarded bool
}

func compile(source string) (*program, error) {
	source = strings.TrimSpace(source)
	if source == "" {
		return nil, errors.New("is empty")
	}
	if utf8.RuneCountInString(source) > maxLength {
		return nil, fmt.Errorf("has more than %d characters", maxLength)
	}
	tree, issues := language.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("is not an expression: %s", firstIssue(issues))
	}
	asks, err := asked(tree.NativeRep())
	if err != nil {
		return nil, err
	}
	run, err := language.Program(tree, cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("is not an expression: %s", shorten(err.Error()))
	}
	return &program{source: source, kind: tree.OutputType(), run: run, asks: asks}, nil
}

func firstIssue(issues *cel.Issues) string {
	for _, e := range issues.Errors() {
		return fmt.Sprintf("%s (at character %d)", shorten(e.Message), e.Location.Column()+1)
	}
	return "it cannot be read"
}

// asked lists the settings that an expression asks for by name, and refuses names that no scope has.
func asked(tree *ast.AST) ([]Ask, error) {
	var asks []Ask
	var wrong error
	inner := map[int64]bool{} // what a longer chain of names contains
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		chain, guarded := chainOf(e, inner)
		if len(chain) < 2 || inner[e.ID()] {
			return
		}
		root := strings.TrimPrefix(chain[0], ".")
		if allowed, ok := fields[root]; ok && !slices.Contains(allowed, chain[1]) && wrong == nil {
			wrong = fmt.Errorf("asks for %s.%s; %s has %s", root, shorten(chain[1]), root, strings.Join(allowed, " and "))
		}
		if root == "config" {
			asks = append(asks, Ask{Path: chain[1:], Guarded: guarded})
		}
	}))
	return asks, wrong
}

// chainOf reads a.b["c"] as its names, and notes the shorter chains within.
func chainOf(e ast.Expr, inner map[int64]bool) (names []string, guarded bool) {
	for at, first := e, true; ; first = false {
		if !first {
			inner[at.ID()] = true
		}
		switch at.Kind() {
		case ast.SelectKind:
			s := at.AsSelect()
			guarded = guarded || (first && s.IsTestOnly())
			names = append(names, s.FieldName())
			at = s.Operand()
		case ast.CallKind:
			c := at.AsCall()
			if c.FunctionName() != operators.Index || len(c.Args()) != 2 || c.Args()[1].Kind() != ast.LiteralKind {
				return nil, false
			}
			key, ok := c.Args()[1].AsLiteral().(types.String)
			if !ok {
				return nil, false
			}
			names = append(names, string(key))
			at = c.Args()[0]
		case ast.IdentKind:
			names = append(names, at.AsIdent())
			slices.Reverse(names)
			return names, guarded
		default:
			return nil, false
		}
	}
}

func shorten(s string) string {
	const most = 120
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
