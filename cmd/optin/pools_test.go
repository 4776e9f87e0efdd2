package main

import (
	"testing"

	"github.com/optin/optin/confirm"
	"github.com/optin/optin/internal/webhook"
	"github.com/optin/optin/store"
)

func TestMetricsNameAllQueuesOfFreshEmailsAlike(t *testing.T) {
	for _, queue := range confirm.EmailQueues() {
		if got := queueLabel(queue); got != "email" {
			t.Errorf("%s is %s", queue, got)
		}
	}
	hook := webhook.Queue("gazette", "https://gazette.example/hooks")
	for _, queue := range []store.QueueName{confirm.QueueEmailRetry, confirm.QueueEmailMaybeSent, store.TimerQueue,
		hook} {
		if got := queueLabel(queue); got != string(queue) {
			t.Errorf("%s is %s", queue, got)
		}
	}
}
