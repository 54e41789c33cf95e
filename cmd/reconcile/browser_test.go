package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Environment variables of the tests with a browser.
const (
	axeVariable         = "TENANTRY_TEST_AXE"         // the file axe.min.js; fetched with npm where it is not set
	screenshotsVariable = "TENANTRY_TEST_SCREENSHOTS" // the folder to keep pictures of pages in; none are kept where it is not set
)

// A browser is a Chromium that a test looks at pages with.
type browser struct {
	t       *testing.T
	ctx     context.Context
	axe     string // the text of axe-core
	trouble []string
}

// openBrowser starts Chromium, with a profile of its own that is thrown away.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		t.Fatal("there is no Chromium on this machine; on Debian: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // events that it does not know yet
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, axe: axeCore(t)}
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			b.trouble = append(b.trouble, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError {
				b.trouble = append(b.trouble, fmt.Sprint(e.Args))
			}
		}
	})
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(1280, 900)); err != nil { // the browser goes when this context does
		t.Fatalf("%s does not start: %v", program, err)
	}
	return b
}

// axeCore returns the text of axe-core.
func axeCore(t *testing.T) string {
	t.Helper()
	path := os.Getenv(axeVariable)
	if path == "" {
		out, err := exec.Command("sh", "../../.ci/axe-from-npm", filepath.Join(os.TempDir(), fmt.Sprintf("tenantry-axe-%d", os.Getuid()))).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("axe-core could not be fetched; $%s names the file axe.min.js where it is there: %s", axeVariable, exit.Stderr)
		}
		path = strings.TrimSpace(string(out))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// do does something in the browser.
func (b *browser) do(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var page string
		chromedp.Run(b.ctx, chromedp.Evaluate(`location.href + "\n" + document.body.innerText`, &page))
		b.t.Fatalf("%s: %v\nthe page:\n%s", what, err, page)
	}
}

// visit goes to a page.
func (b *browser) visit(url string) {
	b.t.Helper()
	b.do("visiting "+url, chromedp.Navigate(url), chromedp.WaitReady("main"))
}

// press presses a button or follows a link, found by its words. A page that
// renews a part of itself meanwhile has it again.
func (b *browser) press(words string) {
	b.t.Helper()
	at := fmt.Sprintf(`//main//*[self::button or self::a or self::summary][normalize-space()=%q]`, words)
	b.do("pressing "+words, chromedp.Evaluate(`window.before = true`, nil), chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			err := chromedp.Click(at, chromedp.BySearch).Do(ctx)
			if err == nil || ctx.Err() != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond)
		}
	}))
}

// leads is press for what leads to another page.
func (b *browser) leads(words string) {
	b.t.Helper()
	b.press(words)
	b.until("the page that "+words+" leads to", `!window.before && document.readyState == "complete"`)
}

// until waits until an expression is true, from one page to the next.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	b.do(what, chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			var is bool
			if err := chromedp.Evaluate("Boolean("+expression+")", &is).Do(ctx); is && err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}))
}

// shows waits until the page says something, without it being loaded again.
func (b *browser) shows(text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text) // a text marshals
	b.until("seeing "+text, fmt.Sprintf(`document.querySelector("main").innerText.toLowerCase().includes(%s.toLowerCase())`, quoted))
}

// accessible has axe-core look at the page, and in dark at its colours once more,
// and keeps pictures of both.
func (b *browser) accessible(name string) {
	b.t.Helper()
	for scheme, only := range map[string]string{"light": "", "dark": `, runOnly: ["color-contrast"]`} {
		var found string
		b.do("axe-core on "+name,
			chromedp.ActionFunc(func(ctx context.Context) error {
				return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}).Do(ctx)
			}),
			chromedp.Evaluate(b.axe+"\n;0", nil),
			chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]`+only+`}).then(r => r.violations.map(v => v.id + ": " + v.help + "\n" + v.nodes.map(n => "    " + n.html.slice(0, 160) + "\n    " + n.failureSummary).join("\n")).join("\n"))`,
				&found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		if found != "" {
			b.t.Errorf("%s, %s: axe-core finds\n%s", name, scheme, found)
		}
		b.picture(name + "-" + scheme)
	}
}

// fits makes sure that a page can be read on a phone without being moved sideways.
func (b *browser) fits(name string) {
	b.t.Helper()
	var over float64
	b.do("a phone's width", chromedp.EmulateViewport(390, 844), chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &over))
	if over > 0 {
		b.t.Errorf("%s is %v pixels wider than a phone", name, over)
	}
	b.picture(name + "-phone")
	b.do("a desk's width", chromedp.EmulateViewport(1280, 900))
}

// picture keeps a picture of the page, where that is wanted.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv(screenshotsVariable)
	if dir == "" {
		return
	}
	var png []byte
	b.do("a picture of "+name, chromedp.FullScreenshot(&png, 100))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
