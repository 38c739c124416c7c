package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// cli is the command line.
type cli struct {
	Config kong.ConfigFlag `help:"YAML file with settings: the long names of the flags are its keys. A flag beats the environment (PARLEY_…), which beats the file." placeholder:"FILE"`

	//lint:ignore SA5008 kong reads every set tag: the defaults in which the commands differ
	Dev devCommand `cmd:"" set:"http=localhost:8080" set:"format=text" help:"Run everything embedded, with demo users and throwaway keys."`
	//lint:ignore SA5008 as above
	Serve serveCommand `cmd:"" set:"http=:443" set:"format=json" help:"Run the server for real use."`

	Keys    keysCommand    `cmd:"" help:"Look after the vault: list, rotate, keep what was erased from coming back."`
	Token   tokenCommand   `cmd:"" help:"Mint a token for development (HS256)."`
	Ready   readyCommand   `cmd:"" help:"Say whether the server on this machine is ready; exit code 1 if not."`
	Version versionCommand `cmd:"" help:"Say which version this is."`
}

// streams are where a command writes: results to out, everything else (logs, hints) to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, hurry, stop := untilSignal()
	defer stop()
	if err := run(ctx, hurry, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
		os.Exit(exitCode(err))
	}
}

// errUsage marks what the caller can mend by other arguments: exit code 2.
var errUsage = errors.New("see parley --help")

func exitCode(err error) int {
	var parse *kong.ParseError
	if errors.As(err, &parse) || errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func run(ctx context.Context, h hurry, args []string, io streams) error {
	parser, err := kong.New(&cli{},
		kong.Name("parley"),
		kong.Description("Chat and recorded video interviews for a recruiting platform."),
		kong.DefaultEnvars("PARLEY"),
		kong.Configuration(loadYAML),
		kong.Writers(io.out, io.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(io, h),
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
