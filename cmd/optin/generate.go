package main

// What templ compiles the files *.templ to. It is committed, and a test holds the two together.
//
//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1118 generate -include-version=false
