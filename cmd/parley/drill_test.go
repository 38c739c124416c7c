package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"parley/internal/admin"
	"parley/internal/server"
	"parley/signal/wire"
	"parley/storage/keys"
)

// vaultKey works on the vault of PARLEY_VAULT or PARLEY_DATA: `vaultkey open NAME` says whether a data key can be opened,
// `vaultkey destroy NAME` destroys one as an erasure does, and `vaultkey secrets NAME…` prints in hexadecimal what must stand in no dump: these
// keys, and everything the vault holds in wrapped form.
func vaultKey() {
	flag.Parse()
	if flag.NArg() < 2 {
		fail(errUsageOfTest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	at := vaultSettings{Data: os.Getenv("PARLEY_DATA"), Vault: secret(os.Getenv("PARLEY_VAULT")), RootKey: os.Getenv("PARLEY_ROOT_KEY")}
	fail(at.with(ctx, func(v server.Vault) error {
		switch name := keys.Name(flag.Arg(1)); flag.Arg(0) {
		case "destroy":
			return v.Destroy(ctx, name)
		case "open":
			_, err := v.Open(ctx, name)
			if err == nil {
				fmt.Println("opens")
			}
			return err
		case "secrets":
			return errors.Join(printKeys(ctx, v, flag.Args()[1:]), printWrapped(ctx, at))
		}
		return errUsageOfTest
	}))
}

func printKeys(ctx context.Context, v server.Vault, names []string) error {
	for _, n := range names {
		k, err := v.Open(ctx, keys.Name(n))
		if err != nil {
			return err
		}
		fmt.Println(hex.EncodeToString(k[:]))
	}
	return nil
}

// printWrapped prints what the vault stores, each piece by itself.
func printWrapped(ctx context.Context, at vaultSettings) error {
	if at.Vault == "" {
		return filepath.WalkDir(filepath.Join(at.Data, server.KeysFolder), func(path string, f fs.DirEntry, err error) error {
			if err != nil || f.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if len(b) >= leastSecret {
				fmt.Println(hex.EncodeToString(b))
			}
			return err
		})
	}
	c, err := pgx.Connect(ctx, string(at.Vault))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT encode(sealed, 'hex') FROM vault_keys UNION ALL SELECT encode(wrapped, 'hex') FROM vault_roots
		UNION ALL SELECT encode(sealed, 'hex') FROM vault_names UNION ALL SELECT encode(sealed, 'hex') FROM vault_signing WHERE sealed IS NOT NULL`)
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fmt.Println(strings.Join(lines, "\n"))
	return err
}

// leastSecret is how many bytes are too many to stand somewhere by chance.
const leastSecret = 16

// keyless wants that none of the secrets, a line each in hexadecimal, stands in any of the files, in any form in which a dump writes
// bytes: `keyless SECRETS FILE…`.
func keyless() {
	flag.Parse()
	if flag.NArg() < 2 {
		fail(errUsageOfTest)
	}
	f, err := os.Open(flag.Arg(0))
	fail(err)
	n, found := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		secret, err := hex.DecodeString(lines.Text())
		fail(err)
		if len(secret) < leastSecret {
			fail(fmt.Errorf("a secret of %d bytes proves nothing", len(secret)))
		}
		for _, name := range flag.Args()[1:] {
			text, err := os.ReadFile(name)
			fail(err)
			if len(text) == 0 {
				fail(fmt.Errorf("%s is empty: nothing was looked at", name))
			}
			if holds(text, secret) {
				fmt.Println(name, "holds a key")
				found++
			}
		}
	}
	if n == 0 || found > 0 {
		fail(fmt.Errorf("of %d secrets %d were found", n, found))
	}
	fmt.Println("none of", n)
}

func holds(text, secret []byte) bool {
	for _, form := range [][]byte{
		secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret))),
		[]byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
	} {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}

// taken takes along what a participant may: the receipt and the bundle of an interview's first recording go into FOLDER; printed are
// the recording and, a line a side, whether it plays: `taken URL TOKEN INTERVIEW FOLDER`.
func taken() {
	flag.Parse()
	if flag.NArg() != 4 {
		fail(errUsageOfTest)
	}
	url, token, folder := flag.Arg(0), word(flag.Arg(1)), flag.Arg(3)
	shown := awaitSealed(url, token, flag.Arg(2))
	fail(os.MkdirAll(folder, 0o700))
	part := shown.Parts[0]
	fmt.Println("recording", part.Recording)
	receipt, err := json.Marshal([]wire.ReceiptHead{*part.Head})
	fail(err)
	fail(os.WriteFile(filepath.Join(folder, "receipt.json"), receipt, 0o600))
	bundle, err := get(url+"/v1/recordings/"+part.Recording+"/bundle", token)
	fail(err)
	fail(os.WriteFile(filepath.Join(folder, "bundle.zip"), bundle, 0o600))
	for _, side := range part.Sides {
		fmt.Println(side.User, plays(url, side))
	}
	var public struct{ Keys []admin.SigningKey }
	b, err := get(url+"/v1/keys", token)
	fail(err)
	fail(json.Unmarshal(b, &public))
	fail(os.WriteFile(filepath.Join(folder, "public.txt"), []byte(base64.StdEncoding.EncodeToString(public.Keys[0].Public)), 0o600))
}

// webm is how a WebM file begins.
var webm = []byte{0x1a, 0x45, 0xdf, 0xa3}

// plays says what comes of playing a side.
func plays(url string, side admin.Side) string {
	if side.URL == "" {
		return "has nothing to play"
	}
	res, err := http.Get(url + side.URL)
	fail(err)
	defer res.Body.Close()
	head := make([]byte, len(webm))
	_, _ = res.Body.Read(head) // an answer without a body is no film either
	if res.StatusCode == http.StatusOK && bytes.Equal(head, webm) {
		return "plays"
	}
	return "is gone: " + res.Status
}
