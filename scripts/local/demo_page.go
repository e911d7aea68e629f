package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"unsend/scripts/local/page"
	"unsend/scripts/unsend/seed"
	"unsend/shared/chat"
)

// sampleFile is the community that scripts/dev seeds and the demo page shows, from the repository's root.
var sampleFile = filepath.Join("scripts", "unsend", "sample.yaml")

// startPage serves the demo page before it is built and before there is a stack, which is told at its start which page
// may talk to it.
func startPage(root string) (*page.Server, error) {
	return page.Start(filepath.Join(root, "clients", "web", "demo", "dist"))
}

// originOf is where the page is; empty where there is none.
func originOf(p *page.Server) string {
	if p == nil {
		return ""
	}
	return p.Origin()
}

// buildPage bundles the demo page with the web client, and tells whether that worked. Where it did not, as without Node or the
// network, everything else does.
func buildPage(ctx context.Context, p *Progress, root string, dir runDir) (built bool) {
	if _, err := findNode(ctx); err != nil {
		p.Skip("demo page", "it needs Node 20 or later, with npm")
		return false
	}
	err := p.Run("demo page", func() (string, error) { return "", nodePackages{root: root}.run(ctx, "demo", dir) })
	if err != nil && ctx.Err() == nil {
		p.Print("\n%v\n\n", err)
	}
	return err == nil
}

// showSample has the page show the sample community of a deployed stack.
func showSample(ctx context.Context, p *page.Server, root, stackFile string) error {
	data, err := os.ReadFile(filepath.Join(root, sampleFile))
	if err != nil {
		return fmt.Errorf("read the sample community: %w", err)
	}
	community, err := seed.Parse(sampleFile, data)
	if err != nil {
		return err
	}
	window := chat.Window(localWindowMS)
	return p.Show(ctx, stackFile, chat.Windows{Own: &window, Moderator: &window}, community.Servers[0])
}

func (d *dev) showPage(ctx context.Context) error {
	if !d.hasPage {
		return nil
	}
	return showSample(ctx, d.page, d.root, d.stackFile)
}

// pageLine tells where the page is.
func (d *dev) pageLine() string {
	if !d.hasPage {
		return ""
	}
	return fmt.Sprintf("\nOr look at it, with alice and bob side by side:\n\n    %s\n", d.page.Origin())
}
