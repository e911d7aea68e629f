package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	unsend "unsend/clients/go"
	"unsend/scripts/unsend/deployment"
	"unsend/scripts/unsend/serverapi"
	"unsend/scripts/unsend/smoke"
	"unsend/shared/chat"
	"unsend/shared/token"
)

func (a *app) smokeCommand() *cobra.Command {
	var patience, grace time.Duration
	o := options{yes: true}
	command := &cobra.Command{
		Use:     "smoke",
		GroupID: operating,
		Short:   "Check a deployment end to end, in a minute, and leave nothing behind",
		Long: `Check a deployment end to end: make a community for this run by the Server API, connect its people,
send, take back, read, and try what must be refused. Each step is shown with its time.

It ends with exit code 1 at the first step that is not as it should be, and says what to do. It deletes
its server in any case; the rows go by a job, in a minute or so.

It needs what unsend token and the Server API need. Where tokens are your identity provider's (TokenJwksUrl),
it cannot make any, and ends there.`,
		Example: "  unsend smoke\n  unsend smoke --stack-name unsend\n  unsend smoke --stack-name unsend --wait",
		Args:    exactly(0, "smoke takes no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			d, err := a.find(command.Context())
			if err != nil {
				return err
			}
			client, err := a.apiOf(d)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "smoke test of %s, %s\n", d.Name, d.WebSocketURL)
			settings := smoke.Options{
				API: client, Dial: smokeDialer(d), Unsigned: unsigned(d.ServerURL), Now: time.Now,
				// Lower case alone, as the ids are typed by people where the deletion fails.
				Run: strings.ToLower(rand.Text()[:10]), Out: a.out, Colour: colour(a.out), Patience: patience, Grace: grace,
			}
			if o.wait {
				settings.Removed = func(ctx context.Context, job serverapi.Job) error {
					_, err := a.await(ctx, client, &o, job, fmt.Sprintf("unsend job show %s %s %s --wait", job.ServerID, job.Kind, job.JobID))
					return err
				}
			}
			return smoke.Run(command.Context(), settings)
		},
	}
	command.Flags().DurationVar(&patience, "patience", 20*time.Second, "how long a step may take")
	command.Flags().DurationVar(&grace, "grace", time.Second, "how long is listened, at the end, for what should not be heard")
	command.Flags().BoolVar(&o.wait, "wait", false, "wait until the job has removed the rows, too")
	command.Flags().DurationVar(&o.timeout, "timeout", 5*time.Minute, "with --wait, wait no longer than this; the job goes on")
	return command
}

// smokeDialer connects with tokens of ten minutes: a run is over long before.
func smokeDialer(d *deployment.Deployment) func(context.Context, string, string, smoke.Way) (*unsend.Client, string, error) {
	return func(ctx context.Context, account, device string, way smoke.Way) (*unsend.Client, string, error) {
		grant := deployment.Grant{Account: account, Device: device, ClientType: defaultClientType, TTL: d.LongestTTL(10 * time.Minute)}
		switch way {
		case smoke.SubProtocol:
			grant.ClientType = chat.Web
			return dialAsBrowser(ctx, d, grant)
		case smoke.Forged:
			client, err := dialForged(ctx, d, grant)
			return client, "", err
		}
		client, err := d.Dial(ctx, unsend.Options{}, grant)
		return client, "", err
	}
}

// dialAsBrowser wants the sub-protocol chosen, as browsers do. The local stack chooses none, whatever the function answers.
func dialAsBrowser(ctx context.Context, d *deployment.Deployment, grant deployment.Grant) (*unsend.Client, string, error) {
	transport := &smoke.Browser{Base: http.DefaultTransport}
	client, err := d.Dial(ctx, unsend.Options{HTTPClient: &http.Client{Transport: transport}}, grant)
	switch {
	case err != nil || transport.Chosen == "bearer":
		return client, "", err
	case d.Local():
		return client, "the local stack does not say which sub-protocol it chose: passed over", nil
	}
	_ = client.Close() // a browser would have
	return nil, "", fmt.Errorf("the handshake's answer chose the sub-protocol %q, not \"bearer\": browsers would end the connection", transport.Chosen)
}

// dialForged has a token that is right but for its signature.
func dialForged(ctx context.Context, d *deployment.Deployment, g deployment.Grant) (*unsend.Client, error) {
	return unsend.Dial(ctx, unsend.Options{URL: d.WebSocketURL, DeviceID: g.Device, Token: func(context.Context) (string, error) {
		return token.Mint([]byte(rand.Text()+rand.Text()), token.Grant{
			AccountID: g.Account, DeviceID: g.Device, ClientType: g.ClientType, Audience: d.TokenAudience, Issuer: d.TokenIssuer, IssuedAt: time.Now(), TTL: g.TTL,
		})
	}})
}

// unsigned asks the Server API for a server, as anybody could.
func unsigned(address string) func(context.Context, string) (int, error) {
	return func(ctx context.Context, server string) (int, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/servers/"+server, http.NoBody)
		if err != nil {
			return 0, fmt.Errorf("the address of the Server API: %w", err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, fmt.Errorf("ask the Server API without a signature: %w", err)
		}
		return response.StatusCode, errors.Join(response.Body.Close())
	}
}
