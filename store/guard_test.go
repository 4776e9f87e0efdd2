package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/optin/optin/store"
)

func TestAStoreThatIsRefusedAnswersNothingButWhichStoreItIs(t *testing.T) {
	why := errors.New("it has lost its data")
	all, free := reflect.TypeFor[store.Store](), reflect.TypeFor[store.Marks]()
	guarded := reflect.ValueOf(store.Guard(nil, func() error { return why })) // a call that gets through panics
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		if _, asks := free.MethodByName(name); asks || name == "Ready" || name == "Close" {
			continue
		}
		call := guarded.MethodByName(name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for n := 1; n < call.Type().NumIn(); n++ {
			if arg := call.Type().In(n); n < call.Type().NumIn()-1 || !call.Type().IsVariadic() {
				args = append(args, reflect.Zero(arg))
			}
		}
		answers := call.Call(args)
		if err, _ := answers[len(answers)-1].Interface().(error); !errors.Is(err, store.ErrUnavailable) ||
			!errors.Is(err, why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
