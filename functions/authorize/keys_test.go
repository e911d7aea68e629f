package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// fakeSecrets are texts by ARN; nil is a secret without text.
type fakeSecrets map[string]*string

func (f fakeSecrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	text, ok := f[*in.SecretId]
	if !ok {
		return nil, errors.New("no such secret")
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: text}, nil
}

func TestFetchSecrets(t *testing.T) {
	t.Parallel()
	a, b := "first", "second"
	source := fakeSecrets{"a": &a, "b": &b, "binary": nil}
	got, err := fetchSecrets(t.Context(), source, []string{"a", "b"})
	if err != nil || len(got) != 2 || string(got[0]) != a || string(got[1]) != b {
		t.Errorf("%q, %v", got, err)
	}
	for _, arns := range [][]string{{"a", "missing"}, {"a", "binary"}} {
		if got, err := fetchSecrets(t.Context(), source, arns); err == nil || got != nil {
			t.Errorf("%v: %q, %v", arns, got, err)
		}
	}
}

func TestKeySources(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	for _, s := range []keySource{{}, {secrets: []string{"a"}, jwksURL: "https://keys.example.com"}} {
		if _, err := s.keys(none, time.Now); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if _, err := (keySource{jwksURL: "https://keys.example.com"}).keys(none, time.Now); err != nil {
		t.Errorf("a URL alone: %v", err)
	}
}
