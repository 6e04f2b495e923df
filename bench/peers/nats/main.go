// The NATS server of bench/peers/fanout: as it comes, with a WebSocket listener without TLS.
//
//	nats PORT WEBSOCKET_PORT
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "nats PORT WEBSOCKET_PORT")
		os.Exit(2)
	}
	port, wrong := strconv.Atoi(os.Args[1])
	webSocketPort, alsoWrong := strconv.Atoi(os.Args[2])
	if wrong != nil || alsoWrong != nil {
		fmt.Fprintln(os.Stderr, "ports are numbers")
		os.Exit(2)
	}
	nats, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true,
		Websocket: server.WebsocketOpts{Host: "127.0.0.1", Port: webSocketPort, NoTLS: true},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	nats.Start()
	nats.WaitForShutdown()
}
