package chat_test

import (
	"testing"

	"unsend/shared/chat"
	"unsend/shared/chat/chattest"
)

func TestAdministrationAgreesWithAPlainModel(t *testing.T) {
	t.Parallel()
	chattest.RunAdministration(t, 2_000, func() chat.Store { return chattest.NewStore() })
}
