package webhook_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestOnlyTheFirstDisablesAnEndpoint(t *testing.T) {
	const queue = store.QueueName("webhook/gazette/x")
	e := newEnv(t, queue).endpoints
	if disabled, err := e.Disabled(t.Context(), queue); disabled || err != nil {
		t.Fatalf("Disabled = %t, %v", disabled, err)
	}
	first, err := e.Disable(t.Context(), queue)
	again, err2 := e.Disable(t.Context(), queue)
	if !first || again || err != nil || err2 != nil {
		t.Errorf("Disable = %t, %v, then %t, %v", first, err, again, err2)
	}
	if disabled, err := e.Disabled(t.Context(), queue); !disabled || err != nil {
		t.Errorf("Disabled = %t, %v", disabled, err)
	}
	if disabled, err := e.Disabled(t.Context(), queue+"y"); disabled || err != nil {
		t.Errorf("another endpoint is disabled: %t, %v", disabled, err)
	}
}

func TestAnEndpointIsDisabledForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue = store.QueueName("webhook/gazette/x")
		e := newEnv(t, queue).endpoints
		for range 2 {
			if first, err := e.Disable(t.Context(), queue); !first || err != nil {
				t.Fatalf("Disable = %t, %v", first, err)
			}
			time.Sleep(webhook.DisabledFor - time.Minute)
			if disabled, err := e.Disabled(t.Context(), queue); !disabled || err != nil {
				t.Fatalf("within the day: Disabled = %t, %v", disabled, err)
			}
			time.Sleep(2 * time.Minute)
			if disabled, err := e.Disabled(t.Context(), queue); disabled || err != nil {
				t.Fatalf("after the day: Disabled = %t, %v", disabled, err)
			}
		}
	})
}

func TestAnEndpointThatWasEnabledIsDisabledByTheNextGone(t *testing.T) {
	e := newGoneEnv(t)
	e.confirmMany(0)
	e.fail(e.replicas[0])
	if n, _, err := e.endpoints.RetryAll(t.Context(), "gazette", 1); n != 1 || err != nil {
		t.Fatalf("RetryAll = %d, %v", n, err)
	}
	if disabled, err := e.endpoints.Disabled(t.Context(), e.queue); disabled || err != nil {
		t.Errorf("after a retry: Disabled = %t, %v", disabled, err)
	}
	e.fail(e.replicas[1])
	if disabled, err := e.endpoints.Disabled(t.Context(), e.queue); !disabled || err != nil {
		t.Errorf("after another 410: Disabled = %t, %v", disabled, err)
	}
	if n := len(e.receiver.arrived()); n != 2 {
		t.Errorf("called %d times, want twice", n)
	}
}
