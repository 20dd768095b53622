// Package browser tests the page of leaderui in a headless Chromium: what people see, and can do with a keyboard. It is a separate
// module, so that go.mod does not ask users for what drives a browser. "go run ./localstack browser" installs the browser, at the
// first test; LEADER_BROWSER names another one.
package browser
