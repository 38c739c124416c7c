package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"parley/signal/client"
	"parley/signal/wire"
)

// chatTime is how long one of the chat programs may take, on a busy machine and over a restart of the server.
const chatTime = 90 * time.Second

func dial(ctx context.Context, args []string) *client.Session {
	s, err := client.Dial(ctx, args[0]+"/v1/ws", word(args[1]), client.Options{Client: "script", MaxDelay: time.Second})
	fail(err)
	return s
}

// say writes into a conversation: `say URL TOKEN CONVERSATION TEXT…`. With -count N it says TEXT N times with a number,
// eight at a time, and prints each one once it was acknowledged; it goes on over losses of the connection.
func say() {
	count := flag.Int("count", 0, "how often")
	flag.Parse()
	args := flag.Args()
	if len(args) < 4 {
		fail(errUsageOfTest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), chatTime)
	defer cancel()
	s := dial(ctx, args)
	texts := make(chan string)
	var out sync.Mutex
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for text := range texts {
				f, err := client.Text(args[2], text)
				fail(err)
				f.Confirmed = true
				_, err = s.Submit(ctx, f)
				fail(err)
				out.Lock()
				fmt.Println(text)
				out.Unlock()
			}
		})
	}
	if *count == 0 {
		texts <- strings.Join(args[3:], " ")
	}
	for i := range *count {
		texts <- fmt.Sprintf("%s %d", strings.Join(args[3:], " "), i)
	}
	close(texts)
	senders.Wait()
	fail(s.Close())
}

// hear prints a conversation's log, `SEQ TYPE CONTENT` a line: `hear URL TOKEN CONVERSATION`. With -once FILE it wants each
// line of the file to be the text of exactly one entry, and the log to be without a gap.
func hear() {
	once := flag.String("once", "", "file of texts")
	flag.Parse()
	if flag.NArg() != 3 {
		fail(errUsageOfTest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), chatTime)
	defer cancel()
	s := dial(ctx, flag.Args())
	entries := readLog(ctx, s, flag.Arg(2))
	fail(s.Close())
	said := map[string]int{}
	for i, e := range entries {
		if e.Seq != uint64(i+1) {
			fail(fmt.Errorf("entry %d has seq %d", i+1, e.Seq))
		}
		var c wire.TextContent
		_ = json.Unmarshal(e.Content, &c) // other types have no text
		said[c.Text]++
		if *once == "" {
			fmt.Println(e.Seq, e.Type, string(e.Content))
		}
	}
	if *once != "" {
		fail(eachOnce(*once, said))
	}
}

func readLog(ctx context.Context, s *client.Session, conversation string) []wire.Entry {
	var all []wire.Entry
	for after := uint64(0); ; after = all[len(all)-1].Seq {
		page, err := client.Ask[wire.ChatPage](ctx, s, wire.ChatRead{Conversation: conversation, After: after, Limit: 200})
		fail(err)
		all = append(all, page.Entries...)
		if len(page.Entries) == 0 || page.Entries[len(page.Entries)-1].Seq >= page.Head {
			return all
		}
	}
}

func eachOnce(name string, said map[string]int) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		if said[lines.Text()] != 1 {
			return fmt.Errorf("%q was acknowledged and stands %d times in the log", lines.Text(), said[lines.Text()])
		}
	}
	if n == 0 {
		return errors.New("nothing was acknowledged")
	}
	fmt.Println("each of", n, "stands once")
	return nil
}
