package main

import (
	"fmt"
	"slices"
	"testing"

	"tstat-transport/internal/test/rabbittest"
)

// fixture lets rabbittest, which is made for tests, serve a program: a failure
// is a panic that [withNode] turns into an error. Whatever rabbittest does not
// use is left to the nil TB and so is a panic as well.
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

// withNode calls do with a RabbitMQ node that is gone when it returns.
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
