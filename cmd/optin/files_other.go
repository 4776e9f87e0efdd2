//go:build !unix

package main

func openFiles() int { return defaultOpenFiles }
