package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Chat      chatCommand      `cmd:"" name:"chat" help:"Many senders: acknowledged messages a second, beside what the store alone takes."`
	Recording recordingCommand `cmd:"" name:"recording" help:"Recorded interviews: what each costs the server, and what a kill loses of them."`
	Sfu       sfuCommand       `cmd:"" name:"sfu" help:"One publisher, many subscribers: processor time a forwarded packet."`

	RecordTrace recordCommand   `cmd:"" name:"record-trace" help:"Record what Chromium's fake camera publishes, for the scenario browser."`
	Serve       serveCommand    `cmd:"" hidden:"" help:"A whole node for a load."`
	ServeSfu    serveSfuCommand `cmd:"" name:"serve-sfu" hidden:"" help:"The SFU alone for a load."`
	Ceiling     ceilingCommand  `cmd:"" hidden:"" help:"Measure what a store takes."`
	Limits      limitsCommand   `cmd:"" hidden:"" help:"Measure what the machine's system calls cost."`
}

// common is what every load takes.
type common struct {
	Seconds int    `default:"10" help:"How long each scenario is measured."`
	Target  string `placeholder:"URL" help:"Load a server that runs already instead of one of our own."`
	JSON    bool   `name:"json" help:"Print an array with one object a scenario."`
}

func (c common) duration() time.Duration { return time.Duration(c.Seconds) * time.Second }

// errUsage marks what the caller can mend by other arguments: exit code 2.
var errUsage = errors.New("see parley-load --help")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv(childVariable) != "" {
		ctx = untilParentEnds(ctx)
	}
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "parley-load:", err)
		var parse *kong.ParseError
		if errors.As(err, &parse) || errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	parser, err := kong.New(&cli{},
		kong.Name("parley-load"),
		kong.Description("Measures Parley as its users load it."),
		kong.Writers(out, os.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(out, (*io.Writer)(nil)),
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return err
	}
	return parsed.Run()
}
