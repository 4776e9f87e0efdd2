package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
)

// source is a file of Go.
type source struct {
	lines     []string
	set       *token.FileSet
	functions []ast.Node
	cases     []ast.Node // the conditions of switches
	operators []operator
}

// operator is one that gremlins changes.
type operator struct {
	line, column int
	mutants      int
}

// mutants is how many mutants gremlins makes of an operator.
var mutants = map[token.Token]int{
	token.LSS: 2, token.LEQ: 2, token.GTR: 2, token.GEQ: 2, // its bound, and the opposite
	token.SUB: 2, // of numbers, and a sign
	token.EQL: 1, token.NEQ: 1, token.ADD: 1, token.MUL: 1, token.QUO: 1, token.REM: 1, token.INC: 1, token.DEC: 1,
}

func readSource(path string) (s source, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	s.lines, s.set = strings.Split(string(b), "\n"), token.NewFileSet()
	file, err := parser.ParseFile(s.set, path, b, 0)
	if err != nil {
		return s, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.functions = append(s.functions, n)
		case *ast.CaseClause:
			for _, condition := range n.List {
				s.cases = append(s.cases, condition)
			}
		case *ast.BinaryExpr:
			s.addOperator(n.Op, n.OpPos)
		case *ast.UnaryExpr:
			s.addOperator(n.Op, n.OpPos)
		case *ast.IncDecStmt:
			s.addOperator(n.Tok, n.TokPos)
		}
		return true
	})
	return s, nil
}

func (s *source) addOperator(of token.Token, at token.Pos) {
	if n := mutants[of]; n > 0 {
		p := s.set.Position(at)
		s.operators = append(s.operators, operator{p.Line, p.Column, n})
	}
}

// mutantsOf returns how many mutants there are of a line.
func (s *source) mutantsOf(line int) (n int) {
	for _, o := range s.operators {
		if o.line == line && s.canBeCovered(o.line, o.column) {
			n += o.mutants
		}
	}
	return n
}

// canBeCovered reports whether what stands at a place is a part of a statement that Go's coverage counts.
func (s *source) canBeCovered(line, column int) bool {
	return s.isIn(s.functions, line, column) && !s.isIn(s.cases, line, column)
}

func (s *source) isIn(nodes []ast.Node, line, column int) bool {
	before := func(a, b token.Position) bool {
		return a.Line < b.Line || a.Line == b.Line && a.Column <= b.Column
	}
	at := token.Position{Line: line, Column: column}
	return slices.ContainsFunc(nodes, func(n ast.Node) bool {
		return before(s.set.Position(n.Pos()), at) && before(at, s.set.Position(n.End()))
	})
}
