package main

import (
	"fmt"
	"slices"
	"testing"

	"tstat-transport/internal/test/rabbittest"
)

// fixture is a testing.TB outside of a test, for rabbittest and faultproxy. A failure is a panic,
// which [withNode] turns into an error. The methods that these packages do not use belong to the
// nil TB and panic.
type fixture struct {
	testing.TB
	cleanups []func()
	failed   bool
}

type failure string

func (f *fixture) Helper()             {}
func (f *fixture) Name() string        { return "capacity" }
func (f *fixture) Failed() bool        { return f.failed }
func (f *fixture) Cleanup(call func()) { f.cleanups = append(f.cleanups, call) }
func (f *fixture) Logf(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
}

func (f *fixture) Fatal(args ...any)                 { f.fail(fmt.Sprint(args...)) }
func (f *fixture) Fatalf(format string, args ...any) { f.fail(fmt.Sprintf(format, args...)) }
func (f *fixture) Errorf(format string, args ...any) { f.fail(fmt.Sprintf(format, args...)) }

func (f *fixture) fail(text string) {
	f.failed = true
	panic(failure(text))
}

// withNode starts a RabbitMQ node, calls do, and removes the node.
func withNode(do func(*fixture, *rabbittest.Node) error) (err error) {
	f := new(fixture)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("%s", string(r))
		default:
			panic(r)
		}
	}()
	defer func() {
		for _, call := range slices.Backward(f.cleanups) {
			call()
		}
	}()
	return do(f, rabbittest.Start(f))
}
