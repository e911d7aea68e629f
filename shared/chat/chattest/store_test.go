package chattest_test

import (
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

func newStore(*testing.T) chat.Store { return chattest.NewStore() }

func TestStore(t *testing.T)    { chattest.Run(t, newStore) }
func TestServices(t *testing.T) { chattest.RunServices(t, newStore) }
