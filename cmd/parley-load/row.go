package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// row is one scenario's result: cells in the order in which they are shown.
type row []cell

// cell is a named figure. The name is the field's in JSON.
type cell struct {
	name  string
	value any
}

// MarshalJSON makes an object that keeps the order.
func (r row) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	for i, c := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(c.value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", c.name, err)
		}
		fmt.Fprintf(b, "%q:%s", c.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// rounded keeps a figure to the digits that were measured.
func rounded(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// sameCells says whether two rows can stand in one table.
func sameCells(a, b row) bool {
	return slices.EqualFunc(a, b, func(x, y cell) bool { return x.name == y.name })
}

// print writes the rows as JSON, or as tables with notes below; a row with other cells than the one before begins a new table.
func (c common) print(out io.Writer, rows []row, notes []string) error {
	if c.JSON {
		b, err := json.MarshalIndent(rows, "", "  ")
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		_, err = fmt.Fprintf(out, "%s\n", b)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i, r := range rows {
		if i > 0 && !sameCells(rows[i-1], r) {
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintln(out)
		}
		if i == 0 || !sameCells(rows[i-1], r) {
			for _, c := range r {
				fmt.Fprintf(w, "%s\t", c.name)
			}
			fmt.Fprintln(w)
		}
		for _, c := range r {
			fmt.Fprintf(w, "%v\t", c.value)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range notes {
		fmt.Fprintln(out, n)
	}
	return nil
}
