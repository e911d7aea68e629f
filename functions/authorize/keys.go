package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"unsend/shared/awsenv"
	"unsend/shared/chat"
	"unsend/shared/config"
	"unsend/shared/token"
)

// keySource is where the deployment's keys are: either secrets or a URL.
type keySource struct {
	secrets []string // ARNs
	jwksURL string
}

func (s keySource) keys(getenv func(string) string, clock chat.Clock) (token.Keys, error) {
	switch {
	case (len(s.secrets) == 0) == (s.jwksURL == ""):
		return nil, fmt.Errorf("exactly one of %s and %s must be set", config.TokenSecrets, config.TokenJWKSURL)
	case s.jwksURL != "":
		return token.JWKS(clock, &http.Client{Timeout: 3 * time.Second}, s.jwksURL), nil
	}
	cfg, err := awsenv.Config(getenv)
	if err != nil {
		return nil, err
	}
	client := secretsmanager.NewFromConfig(cfg)
	return token.Secrets(clock, func(ctx context.Context) ([][]byte, error) { return fetchSecrets(ctx, client, s.secrets) }), nil
}

type secretReader interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// fetchSecrets reads all of them: one that cannot be read is a mistake of the
// deployment, which half of the tokens would hide.
func fetchSecrets(ctx context.Context, client secretReader, arns []string) ([][]byte, error) {
	secrets := make([][]byte, len(arns))
	for i, arn := range arns {
		out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)})
		if err != nil {
			return nil, fmt.Errorf("read the secret %s: %w", arn, err)
		}
		if out.SecretString == nil {
			return nil, errors.New("a token secret holds no text: " + arn)
		}
		secrets[i] = []byte(*out.SecretString)
	}
	return secrets, nil
}
