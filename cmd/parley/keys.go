package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"parley/internal/chain"
	"parley/internal/server"
	"parley/storage/keys"
	"parley/storage/keys/root"
	"parley/storage/keys/sql"
)

// keysCommand looks after the vault. One in a data folder is open in one process at a time: stop the server first. One in
// a database may be in use meanwhile.
type keysCommand struct {
	List          keysList          `cmd:"" help:"List signing keys and what wraps the data keys."`
	Admit         keysAdmit         `cmd:"" help:"Let the vault be opened with another root key as well: first step of changing it."`
	RotateRoot    keysRotateRoot    `cmd:"" help:"Wrap every key anew, so that only the root key at hand opens them. Go on by calling it again after a crash."`
	RotateSigning keysRotateSigning `cmd:"" help:"Sign with a new key from now on; what the old one signed verifies on."`
	ExportErased  keysExport        `cmd:"" help:"Write the ledger of erased keys to standard output: keep it apart from backups of the vault."`
	ReplayErased  keysReplay        `cmd:"" help:"Erase again, after a restore and before anything is served, what a ledger on standard input lists."`
}

// vaultSettings are those of [Config] by which a vault is found.
type vaultSettings struct {
	Data    string `placeholder:"DIR" type:"path" help:"The server's data folder."`
	Vault   secret `placeholder:"URL" help:"The vault's database, if it has one."`
	RootKey string `placeholder:"WHERE" help:"The root key, unless the data folder holds it."`
	Trust   string `placeholder:"FILE" type:"path" help:"Certificate authorities (PEM) of a KMS."`
}

// open opens the vault; the caller closes it.
func (v vaultSettings) open(ctx context.Context) (server.Vault, error) {
	c := Config{Data: v.Data, Vault: v.Vault, RootKey: v.RootKey, Trust: v.Trust}
	if c.Vault == "" && c.Data == "" {
		return nil, &wrong{"data", "is missing", "name the server's data folder, or its --vault"}
	}
	if err := errors.Join(engine("vault", c.Vault, sql.CheckURL), c.checkVault()); err != nil {
		return nil, err
	}
	e, err := c.engines()
	if err != nil {
		return nil, err
	}
	return server.OpenVault(ctx, e, filepath.Join(c.Data, server.KeysFolder), sql.Config{})
}

// with opens the vault for f.
func (v vaultSettings) with(ctx context.Context, f func(server.Vault) error) error {
	vault, err := v.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(vault), vault.Close())
}

type keysList struct {
	vaultSettings
	JSON bool `name:"json" help:"Print JSON."`
}

// signingKey is a signing key as it is listed.
type signingKey struct {
	ID     string    `json:"id"`
	Public string    `json:"public"` // hexadecimal, as parley-verify --key takes it
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // zero: it signs today
}

type keysListed struct {
	Signing     []signingKey      `json:"signing"`
	Generations []keys.Generation `json:"generations"`
}

// Run lists the keys; nothing secret is among what it prints.
func (k *keysList) Run(ctx context.Context, out streams) error {
	return k.with(ctx, func(v server.Vault) error {
		listed, err := list(ctx, v)
		if err != nil {
			return err
		}
		if k.JSON {
			return json.NewEncoder(out.out).Encode(listed)
		}
		return listed.table(out.out)
	})
}

func list(ctx context.Context, v server.Vault) (l keysListed, err error) {
	public, err := v.PublicKeys(ctx)
	if err != nil {
		return l, err
	}
	for _, p := range public {
		l.Signing = append(l.Signing, signingKey{string(chain.PublicKeyID(p.Key)), hex.EncodeToString(p.Key), p.Since, p.Until})
	}
	l.Generations, err = v.Generations(ctx)
	return l, err
}

func (l keysListed) table(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIGNING KEY\tPUBLIC\tSINCE\tUNTIL")
	for _, s := range l.Signing {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.ID, s.Public, moment(s.Since, "the beginning"), moment(s.Until, "in use"))
	}
	fmt.Fprintln(t, "\nGENERATION\tKEYS\tROOT KEYS")
	for _, g := range l.Generations {
		fmt.Fprintf(t, "%d\t%d\t%v\n", g.Number, g.Keys, g.Roots)
	}
	return t.Flush()
}

func moment(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

type keysAdmit struct {
	vaultSettings
	Next string `required:"" placeholder:"WHERE" help:"The root key to come: a file, env:NAME or hcvault://HOST/transit/keys/NAME."`
}

// Run admits the next root key.
func (k *keysAdmit) Run(ctx context.Context, out streams) error {
	pool, err := (&Config{Trust: k.Trust}).trust()
	if err != nil {
		return err
	}
	next, err := root.Open(k.Next, root.Config{Trust: pool, Getenv: os.Getenv})
	if err != nil {
		return err
	}
	return k.with(ctx, func(v server.Vault) error {
		if err := v.Admit(ctx, next); err != nil {
			return err
		}
		fmt.Fprintln(out.err, "admitted; restart every node with it as --root-key, then call parley keys rotate-root with it")
		return nil
	})
}

type keysRotateRoot struct{ vaultSettings }

// Run wraps every key anew.
func (k *keysRotateRoot) Run(ctx context.Context, out streams) error {
	return k.with(ctx, func(v server.Vault) error {
		if err := v.RotateRoot(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out.err, "every key is wrapped by the root key at hand only")
		return nil
	})
}

type keysRotateSigning struct{ vaultSettings }

// Run makes a new signing key.
func (k *keysRotateSigning) Run(ctx context.Context, out streams) error {
	return k.with(ctx, func(v server.Vault) error {
		if err := v.RotateSigning(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out.err, "a new key signs from now on; publish it where verifiers look (parley keys list)")
		return nil
	})
}

type keysExport struct {
	vaultSettings
	Since time.Time `placeholder:"TIME" help:"Only what was erased from then on (RFC 3339)."`
}

// Run writes the ledger of erased keys.
func (k *keysExport) Run(ctx context.Context, out streams) error {
	return k.with(ctx, func(v server.Vault) error {
		n, err := v.ExportTombstones(ctx, out.out, k.Since)
		if err == nil {
			fmt.Fprintln(out.err, n, "erased keys listed")
		}
		return err
	})
}

type keysReplay struct{ vaultSettings }

// Run erases again.
func (k *keysReplay) Run(ctx context.Context, out streams) error {
	return k.with(ctx, func(v server.Vault) error {
		n, err := v.ReplayTombstones(ctx, out.in)
		fmt.Fprintln(out.err, n, "keys are erased")
		return err
	})
}
