package leaderui_test

import (
	"net/http"

	"github.com/cloudlease/leader/leaderui"
	"github.com/cloudlease/leader/lease/memory"
)

func ExampleNew() {
	manager, mux := memory.New(), http.NewServeMux()

	ui := leaderui.New(manager, leaderui.WithHosts("ops.example.com"))
	defer ui.Close()
	mux.Handle("/leases/", http.StripPrefix("/leases", ui))
}
