package postgres

import (
	"context"
	"fmt"
	"github.com/jackc/pgx/v5"
	"os"
	"sort"
	"strings"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for port, v := range map[string]int{"55414": 140000, "55432": 150000, "55418": 180000} {
		for _, s := range []string{"t", "we-ird"} {
			c, err := pgx.Connect(context.Background(), "postgres://postgres@127.0.0.1:"+port+"/postgres")
			if err != nil {
				t.Fatal(err)
			}
			c.Exec(context.Background(), "begin")
			_, err = c.Exec(context.Background(), steer(1))
			if err != nil {
				t.Fatal(err)
			}
			st := time.Now()
			rows, err := c.Query(context.Background(), linesQuery(v), pgx.QueryExecModeSimpleProtocol, []string{s})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for rows.Next() {
				var a, b, cc, d, e string
				if err := rows.Scan(&a, &b, &cc, &d, &e); err != nil {
					t.Fatal(err)
				}
				out = append(out, strings.Join([]string{b, cc, d, e}, " | "))
			}
			if rows.Err() != nil {
				t.Fatal(port, s, rows.Err())
			}
			fmt.Println(time.Since(st))
			sort.Strings(out)
			os.WriteFile("/tmp/lines."+port[3:]+"."+s, []byte(strings.Join(out, "\n")+"\n"), 0o644)
		}
	}
}
