// Package deployment finds a deployed Unsend and what a command needs of it: its
// addresses, its token secret, its tables.
package deployment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	unsend "unsend/clients/go"
	"unsend/scripts/local/stack"
	"unsend/shared/chat"
	"unsend/shared/dynamo"
	"unsend/shared/token"
)

// callTimeout bounds one call to AWS, with its retries.
const callTimeout = 20 * time.Second

// Choice is which deployment a command is about, as its flags say.
type Choice struct {
	File   string // describes a stack; used unless Name is set
	Name   string // of a CloudFormation stack in the user's account
	Region string // of that stack; empty: the user's default
}

// Deployment is a deployed Unsend.
type Deployment struct {
	stack.Description
	aws aws.Config

	mu     sync.Mutex
	secret []byte // fetched when it is first used
}

// Find finds the deployment. Its errors say what to do.
func Find(ctx context.Context, c Choice) (*Deployment, error) {
	if c.Name != "" {
		return findByName(ctx, c)
	}
	description, err := stack.Load(c.File)
	if err != nil {
		return nil, fmt.Errorf("%w, or name a deployment of your account with --stack-name", err)
	}
	cfg, err := configFor(ctx, description)
	if err != nil {
		return nil, err
	}
	return &Deployment{Description: description, aws: cfg}, nil
}

func configFor(ctx context.Context, d stack.Description) (aws.Config, error) {
	if !d.Local() {
		return userConfig(ctx, d.Region)
	}
	return aws.Config{
		Region: d.Region, BaseEndpoint: aws.String(d.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(stack.LocalAccessKey, stack.LocalSecretKey, ""),
	}, nil
}

func userConfig(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return cfg, fmt.Errorf("read your AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("no AWS region is set: name one with --region, or set AWS_REGION")
	}
	return cfg, nil
}

// AWS is how the deployment's services are called.
func (d *Deployment) AWS() aws.Config { return d.aws.Copy() }

// Store is the deployment's store.
func (d *Deployment) Store() *dynamo.Store {
	tables := dynamo.Tables{Messages: d.MessagesTable, Community: d.CommunityTable, Sessions: d.SessionsTable, Audit: d.AuditTable}
	return dynamo.New(dynamo.NewClient(d.aws), tables, dynamo.Options{})
}

// AuditRetention is for how long the deployment keeps its audit; 0 is for ever.
func (d *Deployment) AuditRetention() time.Duration {
	return time.Duration(d.AuditRetentionDays) * 24 * time.Hour
}

// Principal is the ARN of whose credentials these are. Everybody may ask that.
func (d *Deployment) Principal(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := sts.NewFromConfig(d.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("ask AWS whose credentials these are, for the audit: %w", err)
	}
	return aws.ToString(answer.Arn), nil
}

// Grant is whom a token is for.
type Grant struct {
	Account, Device string
	ClientType      chat.ClientType
	TTL             time.Duration
}

// Token makes a token that this deployment accepts.
func (d *Deployment) Token(ctx context.Context, g Grant) (string, error) {
	if longest := time.Duration(d.TokenMaxTTLSeconds) * time.Second; longest > 0 && g.TTL > longest {
		return "", fmt.Errorf("this deployment accepts no token that lives longer than %v: ask for less with --ttl", longest)
	}
	secret, err := d.TokenSecret(ctx)
	if err != nil {
		return "", err
	}
	return token.Mint(secret, token.Grant{
		AccountID: g.Account, DeviceID: g.Device, ClientType: g.ClientType,
		Audience: d.TokenAudience, Issuer: d.TokenIssuer, IssuedAt: time.Now(), TTL: g.TTL,
	})
}

// LongestTTL is the given life of a token, or the longest that the deployment accepts.
func (d *Deployment) LongestTTL(wanted time.Duration) time.Duration {
	if longest := time.Duration(d.TokenMaxTTLSeconds) * time.Second; longest > 0 {
		return min(wanted, longest)
	}
	return wanted
}

// TokenSecret is what the deployment's tokens are signed with.
func (d *Deployment) TokenSecret(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.secret != nil {
		return d.secret, nil
	}
	if d.TokenSecretARN == "" {
		return nil, errors.New("this deployment checks tokens with a JWKS URL: get one from your identity provider")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := secretsmanager.NewFromConfig(d.aws).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &d.TokenSecretARN})
	if err != nil {
		return nil, fmt.Errorf("read the deployment's token secret (is the stack up, and may you call secretsmanager:GetSecretValue on it?): %w", err)
	}
	d.secret = []byte(aws.ToString(answer.SecretString))
	return d.secret, nil
}

// Dial connects a device with a token of its own.
func (d *Deployment) Dial(ctx context.Context, o unsend.Options, g Grant) (*unsend.Client, error) {
	o.URL, o.DeviceID, o.ClientType = d.WebSocketURL, g.Device, int(g.ClientType)
	o.Token = func(ctx context.Context) (string, error) { return d.Token(ctx, g) }
	return unsend.Dial(ctx, o)
}

// Session is a device that connects, again and again, with a token of its own each time.
func (d *Deployment) Session(o unsend.SessionOptions, g Grant) (*unsend.Session, error) {
	o.URL, o.Account, o.DeviceID, o.ClientType = d.WebSocketURL, g.Account, g.Device, int(g.ClientType)
	o.Token = func(ctx context.Context, _ bool) (string, error) { return d.Token(ctx, g) }
	return unsend.NewSession(o)
}

// Row gives every text that the message's row in the table holds, read past the store
// that would hide what is not meant to be there.
func (d *Deployment) Row(ctx context.Context, key unsend.MessageKey) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	row, err := dynamo.MessageRowKey(chat.MessageKey(key))
	if err != nil {
		return nil, fmt.Errorf("the key of the message's row: %w", err)
	}
	answer, err := dynamo.NewClient(d.aws).GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.MessagesTable, ConsistentRead: aws.Bool(true), Key: row,
	})
	if err != nil {
		return nil, fmt.Errorf("read the table %s: %w", d.MessagesTable, err)
	}
	var texts []string
	for name, value := range answer.Item {
		texts = append(texts, name)
		texts = appendTexts(texts, value)
	}
	return texts, nil
}
